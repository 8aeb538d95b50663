"""What we do is counted, from 0, and what is no longer watched is forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rlm_exporter.metrics.families import FAMILIES
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.observers import ControllerObserver, ProberObserver, SteeringObserver
from rlm_exporter.metrics.text import Format, page
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind
from rlm_exporter.store.records import Operation, OperationKind, OperationState
from tests.metrics import situations

WHEN = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
Sample = tuple[str, frozenset[tuple[str, str]]]


def instruments() -> Instruments:
    made = Instruments(
        rules=("failed_over", "in_cooldown"),
        steps=("apply", "verify"),
        webhook_results=("new", "repeat"),
        reapply_reasons=("new_worker", "pins"),
    )
    made.watch(situations.cluster())
    return made


def samples(of: Instruments) -> Iterator[tuple[Sample, float]]:
    parts = (*of.clusters().values(), of.common())
    for family in text_string_to_metric_families(page(FAMILIES, parts, Format.TEXT).decode()):
        for each in family.samples:
            yield (each.name, frozenset(each.labels.items())), each.value


def value(of: Instruments, name: str, **labels: str) -> float:
    return dict(samples(of))[name, frozenset(labels.items())]


def operation(
    *, kind: OperationKind = OperationKind.FAILOVER, rule: str = "failed_over", outcome: str = "done"
) -> Operation:
    return Operation(
        id=1,
        cluster="rlm-ha-cluster",
        kind=kind,
        rule=rule,
        state=OperationState.COMMITTED,
        outcome=outcome,
        source="rlm1",
        target="rlm2",
        epoch=8,
        requested_by="controller",
        reason="rlm1 does not answer",
        trigger="alert",
        started_at=situations.NOW,
    )


def test_everything_known_is_born_at_zero() -> None:
    found = dict(samples(instruments()))

    assert set(found.values()) == {0}
    names = {name for name, _ in found}
    assert {
        "rlm_probe_failures_total",
        "rlm_probe_duration_seconds_count",
        "rlm_failovers_total",
        "rlm_ha_operations_total",
        "rlm_ha_operation_step_seconds_count",
        "rlm_ha_decisions_total",
        "rlm_ha_balancer_reapplied_total",
        "rlm_ha_webhook_alerts_total",
        "rlm_exporter_defects_total",
    } <= names


def test_only_an_operation_without_a_commit_is_a_failed_one() -> None:
    counted = instruments()
    observer = ControllerObserver(counted)
    observer.ended(operation(outcome="partial"))
    assert value(counted, "rlm_ha_failed_operations_total", cluster="rlm-ha-cluster") == 0
    for state in (OperationState.ABORTED, OperationState.FAILED):
        observer.ended(replace(operation(outcome=state.value), state=state))
    assert value(counted, "rlm_ha_failed_operations_total", cluster="rlm-ha-cluster") == 2


def test_no_series_tells_when_it_was_created() -> None:
    assert not [name for (name, _), _ in samples(instruments()) if name.endswith("_created")]


def test_watching_again_keeps_what_was_counted() -> None:
    counted = instruments()
    counted.decided("rlm-ha-cluster", "in_cooldown")
    counted.watch(situations.cluster())

    assert value(counted, "rlm_ha_decisions_total", cluster="rlm-ha-cluster", rule="in_cooldown") == 1


def test_a_cluster_without_web_checks_has_no_web_failures() -> None:
    made = Instruments()
    cluster = situations.cluster()
    made.watch(replace(cluster, health_check=replace(cluster.health_check, check_web=False)))

    assert not [labels for (_, labels), _ in samples(made) if ("probe", "web") in labels]


def test_probes_are_counted_with_their_reason_and_time() -> None:
    counted = instruments()
    observer = ProberObserver(counted)
    refused = Failure(reason=FailureReason.REFUSED, detail="nothing listens there")
    observer.observed("rlm-ha-cluster", "rlm1", ProbeKind.TCP, situations.tcp_result(refused))
    observer.observed("rlm-ha-cluster", "rlm1", ProbeKind.TCP, situations.tcp_result())
    observer.stumbled("rlm-ha-cluster", "rlm1", ValueError("a defect"))

    labels = {"cluster": "rlm-ha-cluster", "probe": "tcp"}
    assert value(counted, "rlm_probe_duration_seconds_count", **labels) == 2
    assert value(counted, "rlm_probe_failures_total", **labels, server="rlm1", reason="refused") == 1
    assert value(counted, "rlm_exporter_defects_total", task="prober") == 1


def test_operations_are_counted_and_unplanned_ones_are_failovers() -> None:
    counted = instruments()
    observer = ControllerObserver(counted)
    observer.ended(operation())
    observer.ended(operation(kind=OperationKind.ADOPT, rule="adopted", outcome="done"))
    observer.ended(operation(kind=OperationKind.SWITCHOVER, rule="operator", outcome="partial"))

    failovers = {labels: n for (name, labels), n in samples(counted) if name == "rlm_failovers_total" and n}
    operations = {
        labels: n for (name, labels), n in samples(counted) if name == "rlm_ha_operations_total" and n
    }
    assert {dict(labels)["reason"] for labels in failovers} == {"failed_over", "adopted"}
    assert {dict(labels)["kind"] for labels in operations} == {"failover", "adopt", "switchover"}


def test_decisions_steps_and_defects_of_the_controller_are_counted() -> None:
    counted = instruments()
    observer = ControllerObserver(counted)
    observer.decided("rlm-ha-cluster", "in_cooldown")
    observer.stepped("rlm-ha-cluster", "apply", 0.2)
    observer.stumbled("rlm-ha-cluster", ValueError("a defect"))

    assert value(counted, "rlm_ha_decisions_total", cluster="rlm-ha-cluster", rule="in_cooldown") == 1
    assert value(counted, "rlm_ha_operation_step_seconds_sum", step="apply") == pytest.approx(0.2)
    assert value(counted, "rlm_exporter_defects_total", task="controller") == 1


def test_repairs_and_deliveries_are_counted() -> None:
    counted = instruments()
    observer = SteeringObserver(counted, cluster="rlm-ha-cluster")
    observer.steered("lb1", "new_worker")
    counted.webhook_alert("repeat")

    repairs = {
        labels: n for (name, labels), n in samples(counted) if name == "rlm_ha_balancer_reapplied_total" and n
    }
    assert [dict(labels)["reason"] for labels in repairs] == ["new_worker"]
    assert value(counted, "rlm_ha_webhook_alerts_total", result="repeat") == 1


def test_a_cluster_that_is_no_longer_watched_leaves_nothing() -> None:
    counted = instruments()
    other = replace(situations.cluster(), name="other")
    counted.watch(other)
    counted.operation_ended(operation())
    counted.forget("rlm-ha-cluster")

    clusters = {dict(labels).get("cluster") for (_, labels), _ in samples(counted)}
    assert clusters == {"other", None}


def test_lines_are_kept_until_something_of_their_cluster_is_counted() -> None:
    counted = instruments()
    counted.watch(replace(situations.cluster(), name="other"))
    before = (*counted.clusters().values(), counted.common())
    counted.decided("other", "in_cooldown")
    after = (*counted.clusters().values(), counted.common())

    assert [old is new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_two_sets_of_instruments_do_not_share_anything() -> None:
    one, other = instruments(), instruments()
    one.webhook_alert("new")

    assert value(other, "rlm_ha_webhook_alerts_total", result="new") == 0


def test_denials_are_counted_from_0_where_they_are_foreseen() -> None:
    counted = instruments()
    denied = {"cluster": "rlm-ha-cluster", "server": "rlm1", "isv": "ACME", "feature": "solver"}
    counted.may_be_denied("rlm-ha-cluster", "rlm1", "ACME", "solver", "all_in_use")
    assert value(counted, "rlm_license_denied_total", **denied, reason="all_in_use") == 0
    counted.denied("rlm-ha-cluster", "rlm1", "ACME", "solver", "all_in_use")
    counted.denied("rlm-ha-cluster", "rlm1", "ACME", "solver", "expired")
    counted.may_be_denied("rlm-ha-cluster", "rlm1", "ACME", "solver", "all_in_use")

    assert value(counted, "rlm_license_denied_total", **denied, reason="all_in_use") == 1
    assert value(counted, "rlm_license_denied_total", **denied, reason="expired") == 1


@pytest.mark.parametrize("ok", [True, False])
def test_whether_a_report_log_can_be_read_is_told(ok: bool) -> None:
    counted = instruments()
    counted.report_log_read("rlm-ha-cluster", "rlm1", "ACME", ok=not ok)
    counted.report_log_read("rlm-ha-cluster", "rlm1", "ACME", ok=ok)

    labels = {"cluster": "rlm-ha-cluster", "server": "rlm1", "isv": "ACME"}
    assert value(counted, "rlm_report_log_last_read_successful", **labels) == ok


def test_what_was_seen_of_license_files_is_told_and_what_is_not_known_has_no_series() -> None:
    counted = instruments()
    counted.license_files_looked_at(
        "rlm-ha-cluster", "rlm1", at=WHEN, ok=True, in_step=False, fits_machine=True, foreign=2
    )
    server = {"cluster": "rlm-ha-cluster", "server": "rlm1"}

    assert value(counted, "rlm_license_files_in_step", **server) == 0
    assert value(counted, "rlm_license_hostid_fits", **server) == 1
    assert value(counted, "rlm_license_files_foreign", **server) == 2
    assert value(counted, "rlm_license_drift_last_look_timestamp_seconds", **server) == WHEN.timestamp()

    counted.license_files_looked_at(
        "rlm-ha-cluster", "rlm1", at=WHEN, ok=False, in_step=None, fits_machine=None, foreign=None
    )

    assert told_of_licenses(counted) == {
        "rlm_license_drift_last_look_successful",
        "rlm_license_drift_last_look_timestamp_seconds",
    }
    counted.license_files_unwatched("rlm-ha-cluster", "rlm1")
    assert told_of_licenses(counted) == set()


def told_of_licenses(counted: Instruments) -> set[str]:
    return {name for name, _ in dict(samples(counted)) if name.startswith("rlm_license_")}
