"""Manifests of files and of the store, read together."""

import random
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

from rlm_exporter.configuration import configuration_of, plan_of, read_configuration
from rlm_exporter.errors import ManifestError
from rlm_exporter.manifest import parse
from rlm_exporter.manifest.deployment import Owner
from rlm_exporter.manifest.load import examine_texts
from rlm_exporter.store.manifest_records import DeployedManifest

NOW = datetime(2026, 3, 2, 2, 14, tzinfo=UTC)


def manifest(name: str, *, host: str = "rlm1.example.com", kind: str = "rlm") -> str:
    return (
        "apiVersion: licensing.vantage.com/v1\nkind: LicenseServer\n"
        f"metadata: {{name: {name}}}\nspec:\n  type: {kind}\n"
        f"  highAvailability: {{primary: {{host: {host}}}}}\n"
    )


def settings(cluster: str) -> str:
    return (
        "apiVersion: rlm-ha/v1\nkind: ExporterConfig\n"
        f"spec: {{loadBalancers: {{{cluster}: {{host: licenses.example.com}}}}}}\n"
    )


def deployed(name: str, text: str, *, revision: int = 3) -> DeployedManifest:
    return DeployedManifest(
        cluster=name, document=text, revision=revision, deployed_at=NOW, deployed_by="alice"
    )


@pytest.mark.parametrize("is_file", [True, False])
def test_what_the_settings_attach_is_kept_beside_the_manifest(is_file: bool) -> None:
    files = (("b.yaml", manifest("b")), ("c.yaml", manifest("c")), ("own.yaml", settings("b")))
    read = configuration_of(
        files if is_file else files[1:], () if is_file else [deployed("b", manifest("b"))]
    )

    assert read.kept["b"].attached == {"host": "licenses.example.com"}
    assert "loadBalancer" not in str(read.kept["b"].document)
    assert read.kept["c"].attached is None


def test_each_cluster_has_an_owner() -> None:
    read = configuration_of((("a.yaml", manifest("a")),), [deployed("b", manifest("b"))])

    assert {name: kept.owner for name, kept in read.kept.items()} == {"a": Owner.FILE, "b": Owner.STORE}
    assert (read.kept["b"].revision, read.kept["b"].deployed_by) == (3, "alice")
    assert (read.shadowed, read.spoilt) == ((), {})


def test_of_two_with_one_name_the_files_counts() -> None:
    stored = deployed("a", manifest("a", host="other.example.com"))
    read = configuration_of((("a.yaml", manifest("a")),), [stored])

    assert read.clusters["a"].servers[0].host == "rlm1.example.com"
    assert read.kept["a"].owner is Owner.FILE
    assert read.shadowed == ("a",)


def test_a_stored_manifest_that_is_no_longer_valid_takes_nothing_else_with_it() -> None:
    broken = deployed("b", manifest("b", kind="flexlm"))
    read = configuration_of((("a.yaml", manifest("a")),), [broken, deployed("c", manifest("c"))])

    assert sorted(read.clusters) == ["a", "c"]
    assert list(read.spoilt) == ["b"]
    assert read.spoilt["b"][0].startswith("deployed:b:5: spec.type")


def test_what_is_wrong_in_a_file_is_told_with_its_place() -> None:
    with pytest.raises(ManifestError, match=r"a\.yaml:5: spec\.type"):
        configuration_of((("a.yaml", manifest("a", kind="flexlm")),), [deployed("b", manifest("b"))])


def test_a_balancer_of_the_settings_goes_to_a_cluster_of_the_store_or_waits_for_it() -> None:
    files = (("settings.yaml", settings("b")),)

    waiting = configuration_of(files, [])
    there = configuration_of(files, [deployed("b", manifest("b"))])

    assert waiting.waiting == ("b",)
    assert there.waiting == ()
    balancer = there.clusters["b"].load_balancer
    assert balancer is not None
    assert balancer.host == "licenses.example.com"
    document = there.kept["b"].document
    assert isinstance(document, dict)
    assert "loadBalancer" not in document["spec"], "it is the settings', and no export has it"


def test_without_any_file_there_is_nothing_and_nothing_is_wrong() -> None:
    assert read_configuration((), []).clusters == {}


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read_configuration([tmp_path / "none.yaml"], [])


def test_a_plan_has_what_stays_and_what_would_be_new() -> None:
    before = [deployed("b", manifest("b"), revision=3), deployed("c", manifest("c"))]
    text = manifest("b", host="new.example.com")
    plan = plan_of(("b.yaml", text), files=(("a.yaml", manifest("a")),), deployed=before, now=NOW, by="bob")

    assert sorted(plan.configuration.clusters) == ["a", "b", "c"]
    assert plan.configuration.clusters["b"].servers[0].host == "new.example.com"
    assert plan.configuration.kept["b"].revision == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (settings("b"), "the daemon's own settings are not deployed"),
        (manifest("b", kind="flexlm"), "b.yaml:5: spec.type"),
        ("", "is empty"),
        (manifest("b") + "---\n" + manifest("b"), "b is also the cluster in"),
    ],
)
def test_a_text_that_cannot_be_deployed_says_why(text: str, told: str) -> None:
    with pytest.raises(ManifestError) as refusal:
        plan_of(("b.yaml", text), files=(), deployed=[], now=NOW, by="bob")
    assert told in str(refusal.value)


def test_what_a_balancer_of_the_settings_does_not_fit_is_told() -> None:
    own = manifest("b") + "  loadBalancer: {host: elsewhere.example.com}\n"
    with pytest.raises(ManifestError, match="has a load balancer of its own"):
        plan_of(("b.yaml", own), files=(("s.yaml", settings("b")),), deployed=[], now=NOW, by="bob")


REACHING = (
    "  monitoring: {failover: {fence: {exec: [/bin/true]}, hooks: {after: [{exec: [/bin/true]}]}}}\n"
    "  clientSettings: {files: [{path: /etc/profile.d/rlm.sh}]}\n"
)


@pytest.mark.parametrize(
    ("allowed", "places"),
    [
        ("{}", ["failover.fence: exec", "hooks.after: exec", "clientSettings.files"]),
        ("{programs: true}", ["clientSettings.files"]),
        ("{files: true}", ["failover.fence: exec", "hooks.after: exec"]),
    ],
)
def test_a_deployed_manifest_has_no_reach_into_the_daemons_machine_unless_the_settings_give_it(
    allowed: str, places: list[str]
) -> None:
    files = (("s.yaml", f"apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {{deploy: {allowed}}}\n"),)
    with pytest.raises(ManifestError) as refusal:
        plan_of(("b.yaml", manifest("b") + REACHING), files=files, deployed=[], now=NOW, by="bob")
    assert len(refusal.value.problems) == len(places)
    for problem, place in zip(refusal.value.problems, places, strict=True):
        assert place in problem


def test_with_the_settings_leave_it_may_and_without_it_is_not_looked_after_any_more() -> None:
    stored = deployed("b", manifest("b") + REACHING)
    leave = "apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {deploy: {programs: true, files: true}}\n"

    assert list(configuration_of((("s.yaml", leave),), [stored]).clusters) == ["b"]
    read = configuration_of((), [stored])
    assert (read.clusters, list(read.spoilt)) == ({}, ["b"])


SYNCED = "  licenseMasters: /etc/rlm-ha/licenses\n"


@pytest.mark.parametrize(
    ("allowed", "sync", "looks"),
    [
        ("{}", "{folder: /opt/rlm, sftp: rlm1}", False),
        ("{files: true}", "{folder: /opt/rlm, sftp: rlm1}", False),
        ("{files: true}", "{folder: /opt/rlm, exec: [/bin/true]}", False),
        ("{files: true}", "{folder: /opt/rlm, rlmhostid: [/bin/true]}", False),
        ("{programs: true}", "{folder: /opt/rlm}", False),
        ("{files: true}", "{folder: /opt/rlm}", True),
        ("{files: true, programs: true}", "{folder: /opt/rlm, sftp: rlm1}", True),
    ],
)
def test_license_files_of_a_deployed_manifest_are_looked_after_only_with_leave(
    allowed: str, sync: str, looks: bool
) -> None:
    """It is taken all the same: licenseSync is for a command that its caller runs."""
    settings = f"apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {{deploy: {allowed}}}\n"
    text = manifest("b", host=f"rlm1.example.com, licenseSync: {sync}")

    read = configuration_of((("s.yaml", settings),), [deployed("b", text + SYNCED)])
    assert (read.clusters["b"].license_drift is not None) is looks
    kept_in_a_file = configuration_of((("s.yaml", settings), ("b.yaml", text + SYNCED)), [])
    assert kept_in_a_file.clusters["b"].license_drift is not None


def test_a_manifest_in_a_file_may_do_all_that() -> None:
    assert list(configuration_of((("b.yaml", manifest("b") + REACHING),), []).clusters) == ["b"]


def steered(name: str, url: str, *, more: str = "") -> str:
    haproxy = f"{{name: lb1, url: '{url}'{more}}}"
    return manifest(name) + f"  loadBalancer: {{host: lb.example.com, haproxy: [{haproxy}]}}\n"


URL = "https://lb1.example.com:8404/stats"
CERTIFICATES = ", clientCert: /etc/rlm-ha/steer.pem, caCert: /etc/rlm-ha/ca.pem"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (steered("b", "unix:/run/docker.sock"), ["lb1: url"]),
        (steered("b", URL, more=CERTIFICATES), ["lb1: clientCert", "lb1: caCert"]),
    ],
)
def test_sockets_and_keys_of_the_daemons_machine_are_in_reach_of_files_alone(
    text: str, places: list[str]
) -> None:
    with pytest.raises(ManifestError) as refusal:
        plan_of(("b.yaml", text), files=(), deployed=[], now=NOW, by="bob")
    for problem, place in zip(refusal.value.problems, places, strict=True):
        assert place in problem
    assert "b" in configuration_of((("b.yaml", text),), []).clusters


def test_a_balancer_of_the_settings_may_have_keys_whatever_is_deployed() -> None:
    config = (
        "apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec:\n  loadBalancers:\n"
        f"    b: {{host: lb.example.com, haproxy: [{{name: lb1, url: '{URL}'{CERTIFICATES}}}]}}\n"
    )
    plan = plan_of(("b.yaml", manifest("b")), files=(("s.yaml", config),), deployed=[], now=NOW, by="bob")
    assert plan.configuration.clusters["b"].load_balancer is not None


def test_what_somebody_deployed_elsewhere_cannot_spoil_our_files() -> None:
    """Its own balancer does not go with the one that our settings have for it."""
    own = deployed("b", manifest("b") + "  loadBalancer: {host: elsewhere.example.com}\n")
    files = (("a.yaml", manifest("a")), ("s.yaml", settings("b")))

    read = configuration_of(files, [own, deployed("c", manifest("c"))])

    assert sorted(read.clusters) == ["a", "c"]
    assert list(read.spoilt) == ["b"]


def test_no_haproxy_is_steered_by_two_clusters() -> None:
    text = f"{steered('a', URL)}---\n{steered('b', URL)}"
    with pytest.raises(ManifestError, match=r"another cluster steers this HAProxy already, in x\.yaml:"):
        configuration_of((("x.yaml", text),), [])


def test_a_cluster_that_clients_were_moved_away_from_stays_as_it_runs() -> None:
    read = configuration_of((), [deployed("b", manifest("b")), deployed("c", manifest("c"))])
    running = configuration_of((), [deployed("b", manifest("b", host="old.example.com"))]).clusters

    kept = read.without({"b": ("deployed:b: has no server rlm2",)}, running)
    gone = read.without({"b": ("deployed:b: has no server rlm2",)}, {})

    assert kept.clusters["b"].servers[0].host == "old.example.com"
    assert (sorted(gone.clusters), list(gone.spoilt)) == (["c"], ["b"])


LEAVE = (("s.yaml", "apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {deploy: {files: true}}\n"),)


def readings(work: Callable[[], object]) -> int:
    """How many texts were read meanwhile: it is what a reading's time is spent on."""
    count = 0

    def look(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code is parse._read.__code__

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("place", [0, 11, 23])
def test_one_spoilt_manifest_does_not_have_all_others_read_again_and_again(place: int) -> None:
    texts = [manifest(f"site{each}", kind="flexlm" if each == place else "rlm") for each in range(24)]
    stored = [deployed(f"site{each}", text) for each, text in enumerate(texts)]

    spoilt: list[str] = []
    assert readings(lambda: spoilt.extend(configuration_of((), stored).spoilt)) <= 4 * len(stored)
    assert spoilt == [f"site{place}"]


def test_of_many_one_that_contradicts_another_is_found_without_reading_all_again_for_each() -> None:
    names = [f"site{each}" for each in range(32)]
    stored = [deployed(name, steered(name, f"unix:/run/{each % 31}.sock")) for each, name in enumerate(names)]

    spoilt: list[str] = []
    assert readings(lambda: spoilt.extend(configuration_of(LEAVE, stored).spoilt)) <= 13 * len(stored)
    assert spoilt == ["site31"]


def one_after_the_other(
    files: tuple[tuple[str, str], ...], stored: Sequence[DeployedManifest]
) -> dict[str, tuple[str, ...]]:
    """What is wrong with which, as it is defined: each is read with all good ones before it."""
    good: list[tuple[str, str]] = []
    spoilt = {}
    for each in stored:
        named = f"deployed:{each.cluster}", each.document
        findings = examine_texts(files, deployed=[*good, named])
        if findings.loaded is None:
            spoilt[each.cluster] = tuple(map(str, findings.problems))
        else:
            good.append(named)
    return spoilt


@pytest.mark.parametrize("seed", range(5))
def test_what_is_wrong_and_why_does_not_depend_on_how_it_is_searched_for(seed: int) -> None:
    drawn = random.Random(seed)
    leave = settings("s3").replace("spec: {", "spec: {deploy: {files: true}, ")
    files = (("own.yaml", leave), ("s5.yaml", manifest("s5")))
    own = "  loadBalancer: {host: elsewhere.example.com}\n"
    stored = []
    for name in (f"s{number}" for number in range(8)):
        spoilt = manifest(name, kind="flexlm"), manifest(name, host="'a b'"), "[", manifest("s1")
        fine = (
            manifest(name),
            manifest(name) + own,
            *(steered(name, f"unix:/run/{each}.sock") for each in (1, 2)),
        )
        stored.append(deployed(name, drawn.choice(drawn.choice((fine, fine, spoilt)))))

    read = configuration_of(files, stored)

    assert read.spoilt == one_after_the_other(files, stored)
    assert list(read.spoilt) == [each.cluster for each in stored if each.cluster in read.spoilt]
