"""Reports of other monitors: what is kept of them, and what they can and cannot do."""

from datetime import timedelta
from typing import Any

import pytest

from rlm_exporter.failover.decide import decide
from rlm_exporter.failover.external import (
    DEFAULT_TTL,
    MOST,
    SHOWN_FOR,
    Component,
    HealthReport,
    difference,
    heard,
    is_accused,
    vouching,
)
from rlm_exporter.failover.reasons import Hold, Move, Reason
from rlm_exporter.failover.situation import Evidence
from rlm_exporter.manifest.model import Failback
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind, ProbeResult
from rlm_exporter.probe.snapshot import ServerSnapshot
from tests.failover.situations import (
    ALL_POOLS,
    NOW,
    SILENT,
    ago,
    down,
    read,
    record,
    situation,
    traffic,
    unknown,
    up,
)


def report(server: str = "rlm1", *, healthy: bool = True, **changes: Any) -> HealthReport:
    """A monitor's word, five seconds old."""
    usual: dict[str, Any] = {"component": Component.SERVER, "reporter": "mon1", "at": ago(5)}
    return HealthReport(server=server, healthy=healthy, **usual | changes)


def decided(*reports: HealthReport, **changes: Any) -> Reason:
    """The rule that decides about rlm1, which fails our checks since 20 s."""
    return decide(situation(reports=reports, **changes)).reason


# ---- a report holds back


@pytest.mark.row(32)
@pytest.mark.parametrize("component", [Component.SERVER, Component.LICENSE])
def test_a_fresh_healthy_report_holds_a_failover_back(component: Component) -> None:
    decision = decide(situation(reports=(report(component=component),)))
    assert isinstance(decision, Hold)
    assert decision.reason is Reason.REPORT_DISAGREES
    assert decision.check_now
    assert "mon1" in decision.detail
    assert "115 s" in decision.detail


@pytest.mark.parametrize(
    "reports",
    [
        (),
        (report(component=Component.WEB),),
        (report(component=Component.ISV),),
        (report(healthy=False),),
        (report("rlm2"),),
    ],
    ids=["none", "of the web interface", "of an ISV server", "failed", "of another server"],
)
def test_no_other_report_does(reports: tuple[HealthReport, ...]) -> None:
    assert decided(*reports) is Reason.FAILED_OVER


@pytest.mark.parametrize(("seconds", "rule"), [(19.9, Reason.REPORT_DISAGREES), (20.1, Reason.FAILED_OVER)])
def test_a_report_from_before_our_checks_failed_proves_nothing(seconds: float, rule: Reason) -> None:
    assert decided(report(at=ago(seconds))) is rule


@pytest.mark.parametrize(("seconds", "rule"), [(5.1, Reason.REPORT_DISAGREES), (5, Reason.FAILED_OVER)])
def test_a_stale_report_is_unknown(seconds: float, rule: Reason) -> None:
    assert decided(report(ttl=timedelta(seconds=seconds))) is rule


def test_a_report_from_the_future_says_nothing_yet() -> None:
    """Our clock was set back."""
    assert decided(report(at=ago(-1))) is Reason.FAILED_OVER


def test_what_clients_meet_at_the_balancer_counts_for_more_than_a_report() -> None:
    assert decided(report(), evidence=SILENT) is Reason.FAILED_OVER
    assert decided(report(), readings=(read(downs=("rlm1",)),)) is Reason.FAILED_OVER


def test_rlms_own_answer_that_an_isv_server_is_dead_counts_for_more_than_a_report() -> None:
    part = down("rlm1", reason=FailureReason.ISV_DOWN, answer=ALL_POOLS)
    assert decided(report(), active=part) is Reason.FAILED_OVER


def test_one_that_says_failed_does_not_lift_what_another_holds() -> None:
    assert decided(report(), report(healthy=False, reporter="mon2")) is Reason.REPORT_DISAGREES


def test_a_report_holds_the_only_pinned_one_back_too_and_no_adoption() -> None:
    assert decided(report(), readings=(read("rlm2"),)) is Reason.ADOPTED


# ---- and never causes anything


ACCUSING = tuple(
    report(server, healthy=False, component=component)
    for server in ("rlm1", "rlm2", "rlm3")
    for component in Component
)


@pytest.mark.row(32)
@pytest.mark.parametrize(
    "changes",
    [
        {"active": up("rlm1")},
        {"active": down("rlm1", failures=1)},
        {"active": unknown("rlm1")},
        {"rlm2": down("rlm2"), "rlm3": down("rlm3")},
        {"cooldown_until": ago(-60)},
        {"trigger": None},
        {"policy": {"automatic": False}},
        {},
    ],
    ids=["healthy", "below", "unknown", "alone", "cooldown", "nobody asked", "by hand", "failing over"],
)
@pytest.mark.parametrize(
    "reports", [ACCUSING, tuple(report(name) for name in ("rlm2", "rlm3"))], ids=["failed", "healthy"]
)
def test_reports_cause_no_move_and_choose_no_candidate(
    changes: dict[str, Any], reports: tuple[HealthReport, ...]
) -> None:
    assert decide(situation(reports=reports, **changes)) == decide(situation(**changes))


FAILING_BACK: dict[str, Any] = {
    "manifest": {"failback": Failback.AUTOMATIC},
    "record": record(active="rlm2"),
    "active": up("rlm1", good_since=ago(600)),
    "rlm2": up("rlm2"),
    "readings": (read("rlm2"),),
}


def test_a_failback_waits_while_a_monitor_says_that_the_preferred_server_has_failed() -> None:
    assert isinstance(decide(situation(**FAILING_BACK)), Move)
    assert decided(report(healthy=False), **FAILING_BACK) is Reason.ACTIVE_HEALTHY
    assert decided(report(healthy=False, at=ago(120)), **FAILING_BACK) is Reason.FAILBACK_DUE
    web = report(healthy=False, component=Component.WEB)
    assert decided(web, **FAILING_BACK) is Reason.FAILBACK_DUE


def test_bytes_that_a_balancer_saw_are_told_before_a_report() -> None:
    seen = Evidence(while_failing=traffic(arrived=0, bytes_out=512))
    assert decided(report(), evidence=seen) is Reason.MONITOR_DISAGREES


# ---- what is kept


def test_the_newest_word_of_a_reporter_on_a_server_replaces_all_he_said_of_it() -> None:
    licensed = report(healthy=False, component=Component.LICENSE, at=ago(60))
    webbed = report(healthy=False, component=Component.WEB, at=ago(60))
    elsewhere = report("rlm2", at=ago(60))
    other = report(reporter="mon2", at=ago(60))
    known = heard((), (licensed, webbed, elsewhere, other), now=ago(60))
    assert set(known) == {licensed, webbed, elsewhere, other}
    assert set(heard(known, (report(),), now=NOW)) == {elsewhere, other, report()}


def test_old_reports_are_forgotten_and_many_are_not_kept() -> None:
    old = report(at=NOW - SHOWN_FOR)
    assert heard((old,), (), now=NOW) == ()
    assert heard((old,), (), now=ago(1)) == (old,)
    many = tuple(report(reporter=f"mon{number}", at=ago(number)) for number in range(MOST + 10))
    kept = heard(many, (), now=NOW)
    assert len(kept) == MOST
    assert max(NOW - each.at for each in kept) == timedelta(seconds=MOST - 1)


def test_the_newest_of_several_that_vouch_is_told() -> None:
    earlier, later = report(reporter="mon2", at=ago(9)), report()
    assert vouching((later, earlier), server="rlm1", since=ago(20), now=NOW) is later
    assert vouching((earlier,), server="rlm1", since=ago(8), now=NOW) is None


def test_a_server_is_accused_by_a_fresh_report_of_its_service_alone() -> None:
    assert is_accused((report(healthy=False, component=Component.ISV),), server="rlm1", now=NOW)
    assert not is_accused((report(healthy=False),), server="rlm2", now=NOW)
    assert not is_accused((report(healthy=False),), server="rlm1", now=NOW + DEFAULT_TTL)


# ---- where they and we differ


def with_web(status: Failure | None) -> ServerSnapshot:
    part = up("rlm1")
    web: Any = ProbeResult(
        kind=ProbeKind.WEB,
        started_at=ago(3),
        duration=timedelta(seconds=1),
        payload=object() if status is None else None,
        failure=status,
    )
    return ServerSnapshot(server="rlm1", health=part.health, status=part.status, web=web)


def test_a_difference_is_told_in_words() -> None:
    assert difference(report(), down("rlm1")) == ("mon1 reports rlm1 healthy; our own check says failed")
    accusing = report(healthy=False, component=Component.LICENSE)
    assert difference(accusing, up("rlm1")) == (
        "mon1 reports rlm1 (license) failed; our own check says healthy"
    )


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (report(), up("rlm1")),
        (report(healthy=False), down("rlm1")),
        (report(), unknown("rlm1")),
        (report(healthy=False, component=Component.ISV), up("rlm1", answer=None)),
        (report(healthy=False, component=Component.WEB), up("rlm1")),
        (report(component=Component.WEB), with_web(None)),
    ],
)
def test_what_is_the_same_or_unknown_is_no_difference(said: HealthReport, part: ServerSnapshot) -> None:
    assert difference(said, part) is None


def test_the_web_interface_is_compared_with_its_own_probe() -> None:
    refused = Failure(reason=FailureReason.REFUSED, detail="nothing listens there")
    assert difference(report(component=Component.WEB), with_web(refused)) is not None
    assert difference(report(healthy=False, component=Component.WEB), with_web(None)) is not None
