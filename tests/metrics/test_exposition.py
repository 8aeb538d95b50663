"""The page says what the snapshot says, keeps what did not change, and both formats are well formed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from rlm_exporter.manifest.model import Cluster, Takeover
from rlm_exporter.metrics.exposition import Exposition, exporter_lines
from rlm_exporter.metrics.facts import ClusterFacts, Reading
from rlm_exporter.metrics.families import FAMILIES, families
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.server_lines import server_lines
from rlm_exporter.metrics.text import Format, page
from rlm_exporter.probe.result import Failure, FailureReason, WebAnswer
from rlm_exporter.probe.snapshot import Health, ServerSnapshot
from rlm_exporter.rlm.status import Checkout, Pool
from tests.metrics import situations

GOLDEN = Path(__file__).parent.parent / "data" / "metrics" / "golden.prom"


def checkout(*, isv: str = "acme", product: str = "solver", count: int = 1, reserved: int = 0) -> Checkout:
    """A line of somebody who holds seats."""
    return Checkout(
        isv=isv,
        product=product,
        version="3.0",
        user="alice",
        host="ws1",
        count=count,
        reserved=reserved,
        handle="41",
        at="11/03 11:00",
    )


Key = tuple[str, frozenset[tuple[str, str]]]


def whole_page(*clusters: ClusterFacts, form: Format = Format.TEXT, compatibility: bool = True) -> str:
    instruments = Instruments(
        rules=("failed_over", "in_cooldown"),
        steps=("apply",),
        webhook_results=("new", "repeat"),
        reapply_reasons=("pins",),
    )
    for each in clusters:
        instruments.watch(each.cluster)
        situations.count_denials(instruments, each.cluster)
        situations.look_at_licenses(instruments, each.cluster)
    own = exporter_lines(
        version="0.1.0",
        python_version="3.11.7",
        watchdog_seen_at=situations.NOW,
        reading=Reading(at=situations.NOW, is_current=True),
    )
    rendered = (part for each in Exposition().render(clusters) for part in each.parts)
    parts = (*rendered, *instruments.clusters().values(), instruments.common(), own)
    return page(families(compatibility_names=compatibility), parts, form).decode()


def samples(
    *clusters: ClusterFacts, form: Format = Format.TEXT, compatibility: bool = True
) -> dict[Key, float]:
    """All samples; fails on a duplicate."""
    text = whole_page(*clusters, form=form, compatibility=compatibility)
    parse = parse_text if form is Format.TEXT else parse_openmetrics
    found: dict[Key, float] = {}
    for family in parse(text):
        for each in family.samples:
            key = (each.name, frozenset(each.labels.items()))
            assert key not in found, f"{key} stands twice"
            found[key] = each.value
    return found


def values(name: str, facts: ClusterFacts, by: str = "server") -> dict[str, float]:
    """The values of one family, by one of its labels."""
    return {dict(labels)[by]: value for (each, labels), value in samples(facts).items() if each == name}


def test_the_whole_page_is_as_it_was_agreed() -> None:
    assert whole_page(situations.facts()) == GOLDEN.read_text(encoding="utf-8")


def test_the_certificate_of_a_web_interface_is_told_where_one_was_shown() -> None:
    in_the_clear = replace(situations.web_result(), payload=WebAnswer(status=200, tls=False))
    part = situations.server_up("rlm1", situations.status("15.2-two-isvs"), web=in_the_clear)
    facts = situations.facts()

    assert values("rlm_web_certificate_expiry_timestamp_seconds", facts) == {
        "rlm1": situations.CERTIFICATE_ENDS.timestamp()
    }
    assert values("rlm_web_certificate_expiry_timestamp_seconds", situations.with_server(facts, part)) == {}


def test_a_wanted_feature_without_a_usable_pool_is_missing() -> None:
    unused = replace(pool(), inuse=0, expires=date(2031, 1, 1))
    elsewhere = replace(unused, isv="siemens")

    assert values("rlm_license_feature_missing", with_pools(unused)) == {"rlm1": 0, "rlm2": 1}
    assert values("rlm_license_feature_missing", with_pools(elsewhere)) == {"rlm1": 1, "rlm2": 1}


def test_a_standby_of_rlms_own_takeover_misses_nothing_while_it_has_no_pools() -> None:
    facts = with_pools(replace(pool(), product="other", expires=date(2031, 1, 1)))
    native = replace(facts, cluster=replace(facts.cluster, takeover=Takeover.NATIVE))

    assert values("rlm_license_feature_missing", native) == {"rlm1": 1}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((checkout(),), {"rlm1": 0}),
        ((checkout(count=0, reserved=1),), {"rlm1": 1}),
        ((checkout(product="other", reserved=1), checkout()), {"rlm1": 0}),
        ((checkout(isv="siemens", reserved=1), checkout()), {"rlm1": 0}),
        ((), {}),
    ],
    ids=[
        "an ordinary one",
        "a reserved one",
        "of another product",
        "of another ISV",
        "the lines are missing",
    ],
)
def test_reserved_seats_in_use_are_counted_where_the_lines_tell_of_all_seats(
    lines: tuple[Checkout, ...], expected: dict[str, float]
) -> None:
    facts = with_pools(replace(pool(), count=0, reservations=2), checkouts=lines)

    assert values("rlm_license_reserved_in_use", facts) == expected


def test_without_reservations_nothing_is_said_of_them() -> None:
    assert values("rlm_license_reserved_in_use", with_pools(pool(), checkouts=(checkout(),))) == {}


def test_two_masters_are_told_of_a_balancer_that_can_be_read() -> None:
    facts = situations.facts()
    first, second = facts.readings
    twins = replace(facts, readings=(replace(first, masters=(7, 9)), second))

    assert values("rlm_load_balancer_two_masters", facts, "balancer") == {"lb1": 0}
    assert values("rlm_load_balancer_two_masters", twins, "balancer") == {"lb1": 1}


def test_both_formats_have_the_same_samples() -> None:
    facts = situations.facts()

    assert samples(facts, form=Format.OPENMETRICS) == samples(facts)


def test_every_family_is_on_the_golden_page() -> None:
    shown = {name for name, _ in samples(situations.facts())}

    assert [f.name for f in FAMILIES if not shown & set(f.sample_names)] == []


def test_no_sample_is_outside_the_table_or_has_other_labels() -> None:
    labels = {name: family.sample_labels for family in FAMILIES for name in family.sample_names}

    for name, pairs in samples(situations.facts()):
        assert {label for label, _ in pairs} <= labels[name]


@pytest.mark.row(39)
def test_the_guides_names_repeat_the_conventional_ones() -> None:
    found = samples(situations.facts())

    for family in FAMILIES:
        if family.same_as:
            ours = {labels: value for (name, labels), value in found.items() if name == family.same_as}
            theirs = {labels: value for (name, labels), value in found.items() if name == family.name}
            assert theirs == ours != {}


def test_the_guides_names_can_be_left_out() -> None:
    every = {name for name, _ in samples(situations.facts())}
    without = {name for name, _ in samples(situations.facts(), compatibility=False)}

    assert every - without == {
        "healthy_servers",
        "rlm_failover_events",
        "rlm_license_usage_by_server",
        "rlm_response_time",
    }


def test_a_server_that_does_not_answer_is_down_and_has_no_licenses() -> None:
    facts = situations.facts()

    assert values("rlm_server_up", facts) == {"rlm1": 1, "rlm2": 1, "rlm3": 0}
    assert set(values("rlm_license_in_use", facts)) == {"rlm1"}
    assert set(values("rlm_server_info", facts)) == {"rlm1", "rlm2"}
    assert set(values("rlm_isv_checkouts_total", facts)) == {"rlm1", "rlm2"}


def test_nothing_is_said_of_a_server_before_its_first_check() -> None:
    facts = situations.with_server(situations.facts(), ServerSnapshot(server="rlm2"))

    about = {name for name, labels in samples(facts) if ("server", "rlm2") in labels}
    assert about == {
        # by the balancer, by the controller, of its files, and our own counters, which are born at 0
        "rlm_ha_balancer_active",
        "rlm_ha_pinned",
        "rlm_license_denied_total",
        "rlm_license_drift_last_look_successful",
        "rlm_license_drift_last_look_timestamp_seconds",
        "rlm_license_files_foreign",
        "rlm_license_files_in_step",
        "rlm_load_balancer_server_state",
        "rlm_probe_failures_total",
        "rlm_report_log_last_read_successful",
        "rlm_server_active",
    }
    assert values("rlm_cluster_healthy_servers", facts, "cluster") == {}


def test_a_check_that_we_could_not_make_shows_the_server_as_not_up() -> None:
    missing = Failure(reason=FailureReason.TOOL_MISSING, detail="no rlmutil")
    part = ServerSnapshot(server="rlm1", health=Health(failure=missing), checked_at=situations.NOW)

    assert values("rlm_server_up", situations.with_server(situations.facts(), part))["rlm1"] == 0


@pytest.mark.row(41)
def test_healthy_counts_a_waiting_standby_and_not_the_web_interface() -> None:
    facts = situations.facts()

    assert values("rlm_web_interface_up", facts) == {"rlm1": 1, "rlm2": 0, "rlm3": 0}
    assert values("healthy_servers", facts, "cluster") == {"rlm-ha-cluster": 2}


def test_all_down_is_zero_and_not_absent() -> None:
    facts = situations.facts()
    for name in ("rlm1", "rlm2", "rlm3"):
        facts = situations.with_server(facts, situations.server_down(name))

    assert values("rlm_cluster_healthy_servers", facts, "cluster") == {"rlm-ha-cluster": 0}
    assert values("rlm_cluster_serving_servers", facts, "cluster") == {}


def test_two_servers_with_seats_out_are_two_that_serve() -> None:
    part = situations.server_up("rlm2", situations.status("12.2-two-pools-in-use"))
    facts = situations.with_server(situations.facts(), part)

    assert values("rlm_cluster_serving_servers", situations.facts(), "cluster") == {"rlm-ha-cluster": 1}
    assert values("rlm_cluster_serving_servers", facts, "cluster") == {"rlm-ha-cluster": 2}


def test_pools_of_one_product_are_summed() -> None:
    facts = situations.facts()

    assert values("rlm_license_in_use", facts, "feature")["solver"] == 8
    assert values("rlm_license_issued", facts, "feature")["solver"] == 54
    assert values("rlm_license_reserved", facts, "feature")["solver"] == 4


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    token = replace(pool(), count=None, reservations=None, inuse=None, token=True)
    facts = with_pools(pool(), token)

    assert values("rlm_license_in_use", facts, "feature") == {}
    assert values("rlm_license_issued", facts, "feature") == {}


def test_isvs_are_named_as_the_manifest_spells_them() -> None:
    facts = situations.facts()

    assert values("rlm_isv_up", facts, "isv") == {"ACME": 0, "meshworks": 1, "siemens": 1}
    assert set(values("rlm_license_in_use", facts, "isv")) == {"ACME", "meshworks"}


@pytest.mark.parametrize(
    ("zone", "instant"),
    [
        (None, datetime(2026, 2, 1, 0, 0, tzinfo=UTC)),
        ("America/Denver", datetime(2026, 2, 1, 7, 0, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 1, 31, 15, 0, tzinfo=UTC)),
    ],
)
def test_a_license_lasts_through_its_day_where_the_server_stands(zone: str | None, instant: datetime) -> None:
    facts = with_pools(pool(), replace(pool(), expires=date(2027, 1, 1)), zone=zone)

    assert values("rlm_license_expiry_timestamp_seconds", facts) == {"rlm1": instant.timestamp()}


def test_the_last_day_of_the_calendar_is_a_date_like_any_other() -> None:
    facts = with_pools(replace(pool(), expires=date.max), zone="America/Denver")

    assert values("rlm_license_expiry_timestamp_seconds", facts)["rlm1"] > 253402300000


def test_who_is_active_is_absent_while_nobody_knows() -> None:
    facts = situations.facts()
    unknown = replace(facts, controller=replace(situations.controller(), active=None))

    assert values("rlm_server_active", facts) == {"rlm1": 1, "rlm2": 0, "rlm3": 0}
    assert values("rlm_server_active", unknown) == {}


def test_a_balancer_that_cannot_be_read_says_nothing_of_servers() -> None:
    facts = situations.facts()

    assert values("rlm_load_balancer_up", facts, "balancer") == {"lb1": 1, "lb2": 0}
    assert set(values("rlm_load_balancer_server_state", facts, "balancer")) == {"lb1"}
    assert set(values("rlm_ha_balancer_active", facts, "balancer")) == {"lb1"}


def test_a_balancer_has_each_server_in_exactly_one_state() -> None:
    states = {
        (dict(labels)["server"], dict(labels)["state"])
        for (name, labels), value in samples(situations.facts()).items()
        if name == "rlm_load_balancer_server_state" and value == 1
    }

    assert states == {("rlm1", "up"), ("rlm2", "maint"), ("rlm3", "down")}


def test_a_probe_that_failed_for_a_reason_of_ours_has_no_duration() -> None:
    missing = Failure(reason=FailureReason.TOOL_MISSING, detail="there is no rlmutil")
    unasked = replace(
        situations.server_down("rlm3"), license=situations.license_result(None, failure=missing)
    )
    found = {
        name
        for name, labels in samples(situations.with_server(situations.facts(), unasked))
        if dict(labels).get("server") == "rlm3" and dict(labels).get("probe", "license") == "license"
    }

    assert "rlm_server_up" in found
    assert not found & {"rlm_response_time", "rlm_response_time_seconds", "rlm_probe_last_duration_seconds"}


class CountingRenderer:
    """Renders like the real one, and remembers for whom."""

    def __init__(self) -> None:
        self.rendered: list[str] = []

    def __call__(self, part: ServerSnapshot, cluster: Cluster) -> Mapping[str, str]:
        self.rendered.append(part.server)
        return server_lines(part, cluster)


def test_only_a_server_whose_part_was_replaced_is_rendered_again() -> None:
    counting = CountingRenderer()
    exposition = Exposition(render_server=counting)
    first = situations.facts()
    later = replace(first, snapshot=replace(first.snapshot, taken_at=situations.NOW + timedelta(seconds=1)))
    changed = situations.with_server(later, situations.server_down("rlm2"))

    exposition.render((first,))
    exposition.render((later,))
    exposition.render((changed,))
    parts = exposition.render((changed,))

    assert counting.rendered == ["rlm1", "rlm2", "rlm3", "rlm2"]
    assert parts == Exposition().render((changed,))


def test_a_changed_manifest_renders_its_servers_again() -> None:
    exposition = Exposition()
    facts = situations.facts()
    exposition.render((facts,))
    moved = replace(facts.cluster.servers[0], host="10.0.0.1")
    changed = replace(facts, cluster=replace(facts.cluster, servers=(moved, *facts.cluster.servers[1:])))

    assert 'host="10.0.0.1"' in "".join(
        part.get("rlm_server_info", "") for part in exposition.render((changed,))[0].parts
    )


def test_a_server_and_a_cluster_that_vanish_leave_nothing() -> None:
    exposition = Exposition()
    facts = situations.facts()
    exposition.render((facts,))
    two = replace(
        facts,
        cluster=replace(facts.cluster, servers=facts.cluster.servers[:2]),
        snapshot=replace(facts.snapshot, servers=facts.snapshot.servers[:2]),
    )

    assert not any("rlm3" in text for part in exposition.render((two,))[0].parts for text in part.values())
    assert exposition.render(()) == ()


def pool() -> Pool:
    return Pool(
        isv="acme",
        product="solver",
        version="3.0",
        pool=None,
        count=1,
        reservations=0,
        inuse=1,
        expires=date(2026, 1, 31),
        uncounted=False,
        token=False,
        total_checkouts=None,
    )


def with_pools(*pools: Pool, zone: str | None = None, checkouts: tuple[Checkout, ...] = ()) -> ClusterFacts:
    """rlm1 with these pools and no others, in that time zone."""
    facts = situations.facts()
    first, *others = facts.cluster.servers
    facts = replace(facts, cluster=replace(facts.cluster, servers=(replace(first, timezone=zone), *others)))
    answer = replace(situations.status("12.2-no-pools"), pools=pools, checkouts=checkouts)
    return situations.with_server(facts, situations.server_up("rlm1", answer))
