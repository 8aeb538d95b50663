"""What the settings of `licenses config` and `optimize` are in a manifest."""

import pytest

from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.changes import with_values
from rlm_exporter.manifest.load import parse_manifests
from rlm_exporter.manifest.model import CandidateOrder, ClientOrder, Cluster, Detection
from rlm_exporter.manifest.tuning import settings_of, tuned
from rlm_exporter.manifest.writing import written_document

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {name: site}
spec:
  type: rlm
  highAvailability:
    primary: {host: rlm1.example.com, site: berlin}
    secondary: {host: rlm2.example.com, site: lyon}
"""


def applied(**settings: str) -> Cluster:
    document = parse_manifests(MANIFEST, "site.yaml").documents["site"]
    text = written_document(with_values(document, tuned(settings).values))
    (cluster,) = parse_manifests(text, "site.yaml").clusters
    return cluster


def test_all_settings_of_an_installation_guide_at_once() -> None:
    settings = {
        "load_balancing": "intelligent",
        "session_affinity": "true",
        "health_check_interval": "40s",
        "failover_detection": "fast",
        "strategy": "geographic",
        "prefer_local_server": "true",
        "connection_pooling": "enabled",
        "max_connections_per_server": "200",
    }
    cluster = applied(**settings)

    assert cluster.tuning.candidates is CandidateOrder.LATENCY
    assert cluster.tuning.session_affinity
    assert cluster.tuning.max_connections == 200
    assert cluster.tuning.clients is ClientOrder.SITE
    assert cluster.failover.detection is Detection.FAST
    assert dict(settings_of(cluster)) == settings | {"connection_pooling": "disabled"}


def test_what_is_shown_can_be_set_and_changes_nothing() -> None:
    (cluster,) = parse_manifests(MANIFEST, "site.yaml").clusters

    assert applied(**settings_of(cluster)) == cluster


def test_a_limit_is_taken_away() -> None:
    values = tuned({"max_connections_per_server": "unlimited"}).values

    assert values == {("spec", "tuning", "maxConnectionsPerServer"): None}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"load_balancing": "roundrobin"}, "clients cannot be spread"),
        ({"strategy": "leastconn"}, "clients cannot be spread"),
        ({"session_affinity": "maybe"}, "session_affinity: true or false, not 'maybe'"),
        ({"max_connections_per_server": "0"}, "a number from 1 to 1000000, or unlimited, not '0'"),
        ({"max_connections_per_server": "viele"}, "or unlimited, not 'viele'"),
        ({"failover_detection": "quick"}, "fast, normal, slow, not 'quick'"),
        ({"connection_pooling": "1"}, "enabled or disabled, not '1'"),
        ({"color": "red"}, "color: unknown; known are load_balancing"),
        ({"strategy": "geographic", "prefer_local_server": "false"}, "something else than another setting"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(settings: dict[str, str], told: str) -> None:
    with pytest.raises(FormatError) as refusal:
        tuned(settings)
    assert told in str(refusal.value)


def test_what_rlm_cannot_do_is_said_and_written_nowhere() -> None:
    found = tuned({"connection_pooling": "enabled"})

    assert found.values == {}
    assert "sessions cannot share connections" in found.said[0]
