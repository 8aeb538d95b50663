"""What becomes of an operator's wish."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rlm_exporter.failover.by_hand import AlreadyActive, Plan, judge, judge_maintenance
from rlm_exporter.failover.candidates import preferred
from rlm_exporter.failover.situation import Situation
from rlm_exporter.failover.trigger import FailoverRequest, MaintenanceRequest, Refusal, RefusalKind
from rlm_exporter.haproxy.view import BalancerReading
from rlm_exporter.store.records import OperationKind, PinKind
from tests.failover.acting import hook
from tests.failover.situations import NOW, down, pin, read, situation, unknown, unread, up, view

FAILOVER, SWITCHOVER, FAILBACK = OperationKind.FAILOVER, OperationKind.SWITCHOVER, OperationKind.FAILBACK
RUNS = NOW + timedelta(seconds=60)


def calm(**changes: Any) -> Situation:
    """Everybody is healthy."""
    return situation(**{"active": up("rlm1")} | changes)


def wish(target: str | None = "rlm2", **changes: Any) -> FailoverRequest:
    return FailoverRequest(**{"target": target, "requested_by": "ann"} | changes)


def refused(request: FailoverRequest, seen: Situation) -> RefusalKind | None:
    answer = judge(request, seen)
    assert not isinstance(answer, Refusal) or answer.detail
    return answer.kind if isinstance(answer, Refusal) else None


def planned(request: FailoverRequest, seen: Situation) -> Plan:
    answer = judge(request, seen)
    assert isinstance(answer, Plan), answer
    return answer


def renamed(server: str) -> BalancerReading:
    """A balancer that can be read, and knows nobody by that name."""
    seen = replace(view(), unknown_servers=frozenset({server}))
    return BalancerReading(balancer=seen.balancer, at=seen.read_at, view=seen)


@pytest.mark.row(11)
def test_a_plan_says_from_where_to_where_and_how() -> None:
    policy = {"before": (hook("before"),), "fence": hook("fence"), "after": (hook("after"),)}
    two = (read(), read(balancer="lb2"))
    plan = planned(wish(), calm(policy=policy, readings=two))
    assert (plan.source, plan.target, plan.warnings) == ("rlm1", "rlm2", ())
    assert plan.steps == (
        "before hooks",
        "fence rlm1",
        "apply on lb1, lb2",
        "verify through every balancer",
        "commit",
        "after hooks",
    )


def test_without_a_balancer_the_plan_says_that_there_is_none() -> None:
    steps = planned(wish(), calm(readings=())).steps
    assert steps == ("no balancer to steer", "verify directly", "commit")


@pytest.mark.parametrize(
    ("asked", "active", "kind"),
    [
        (FAILOVER, down("rlm1"), FAILOVER),
        (FAILOVER, up("rlm1"), SWITCHOVER),
        (SWITCHOVER, up("rlm1"), SWITCHOVER),
        (FAILBACK, up("rlm1"), FAILBACK),
    ],
)
def test_a_failover_from_a_healthy_server_is_written_down_as_a_switchover(
    asked: OperationKind, active: Any, kind: OperationKind
) -> None:
    assert planned(wish(kind=asked), situation(active=active)).kind is kind


@pytest.mark.row(11)
@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"rlm2": down("rlm2")}, RefusalKind.TARGET_UNHEALTHY),
        ({"rlm2": unknown("rlm2")}, RefusalKind.TARGET_UNHEALTHY),
        ({"pins": (pin("rlm2", PinKind.MAINTENANCE),)}, RefusalKind.TARGET_UNHEALTHY),
        ({"readings": (unread(),)}, RefusalKind.BALANCER_UNKNOWN),
        ({"readings": (read(), unread("lb2"))}, RefusalKind.BALANCER_UNKNOWN),
        ({"readings": (renamed("rlm3"),)}, RefusalKind.BALANCER_UNKNOWN),
    ],
)
def test_what_speaks_against_a_failover_does_not_hold_a_forced_one(
    changes: dict[str, Any], kind: RefusalKind
) -> None:
    assert refused(wish(), calm(**changes)) is kind
    plan = planned(wish(force=True), calm(**changes))
    assert plan.warnings


def test_a_refusal_says_which_server_the_balancer_does_not_know() -> None:
    answer = judge(wish(), calm(readings=(renamed("rlm3"),)))
    assert isinstance(answer, Refusal)
    assert "lb1: HAProxy does not know rlm3 in every backend: render its configuration" in answer.detail


@pytest.mark.parametrize("kind", [SWITCHOVER, FAILBACK])
def test_nothing_forces_a_planned_move(kind: OperationKind) -> None:
    seen = calm(rlm2=down("rlm2"))
    assert refused(wish(kind=kind, force=True), seen) is RefusalKind.TARGET_UNHEALTHY


@pytest.mark.parametrize("part", [down("rlm1", failures=1), unknown("rlm1")])
@pytest.mark.parametrize("kind", [SWITCHOVER, FAILBACK])
def test_a_planned_move_needs_a_healthy_active_server(kind: OperationKind, part: Any) -> None:
    assert refused(wish(kind=kind), situation(active=part)) is RefusalKind.ACTIVE_UNHEALTHY


def test_an_operator_with_an_older_picture_is_refused_whatever_else_is_so() -> None:
    seen = calm(readings=(unread(),))
    assert refused(wish("rlm1", expect_active="rlm3", force=True), seen) is RefusalKind.EXPECTATION
    assert refused(wish(expect_active="rlm1"), calm()) is None


@pytest.mark.parametrize("readings", [(read(),), (), (unread(),), (read(None),)])
def test_the_active_server_is_active_already(readings: Any) -> None:
    assert judge(wish("rlm1"), calm(readings=readings)) == AlreadyActive(server="rlm1")


def test_a_balancer_that_has_moved_can_be_called_back() -> None:
    plan = planned(wish("rlm1"), calm(policy={"fence": hook("fence")}, readings=(read("rlm2"),)))
    assert (plan.source, plan.target) == ("rlm1", "rlm1")
    assert plan.steps[0] == "apply on lb1", "rlm1 is about to serve, and nobody fences it"


def test_what_holds_automatic_moves_is_only_a_warning() -> None:
    plan = planned(wish(), calm(cooldown_until=RUNS, paused_until=RUNS, policy={"automatic": False}))
    assert plan.warnings == (
        "the cooldown of the last automatic move still runs",
        "the cluster is paused",
    )
    assert planned(wish(), calm(cooldown_until=NOW, paused_until=NOW)).warnings == ()


def test_a_target_that_has_not_proved_itself_yet_is_told_and_taken() -> None:
    (warning,) = planned(wish(), calm(pins=(pin("rlm2"),))).warnings
    assert warning.startswith(
        f"rlm2 is held since clients were led away from it at {pin('rlm2').since:%Y-%m-%d}"
    )
    for others in (pin("rlm3"), pin("rlm2", PinKind.SETTLE)):
        assert planned(wish(), calm(pins=(others,))).warnings == ()


def test_one_good_check_of_the_target_is_enough() -> None:
    assert refused(wish(), calm(rlm2=up("rlm2", successes=1))) is None


# ---- failback


@pytest.mark.parametrize(
    ("held", "home"),
    [((), "rlm1"), (("rlm1",), "rlm2"), (("rlm1", "rlm2"), "rlm3"), (("rlm1", "rlm2", "rlm3"), "rlm1")],
)
def test_home_is_the_first_server_that_is_not_in_maintenance(held: tuple[str, ...], home: str) -> None:
    seen = calm(pins=tuple(pin(name, PinKind.MAINTENANCE) for name in held))
    assert preferred(seen) == home


def test_a_pin_of_a_failover_does_not_hold_a_failback() -> None:
    seen = situation(record=calm(pins=(pin("rlm1"),)).record, active=up("rlm1"), readings=(read("rlm2"),))
    assert preferred(seen) == "rlm1"


# ---- maintenance


def care(server: str, *, enable: bool = True, switchover: bool = False) -> MaintenanceRequest:
    return MaintenanceRequest(server=server, enable=enable, requested_by="ann", switchover=switchover)


def test_a_standby_goes_into_maintenance_at_once() -> None:
    assert judge_maintenance(care("rlm2"), calm()) is None
    assert judge_maintenance(care("rlm2", enable=False), calm()) is None


def test_the_active_server_does_not_without_a_move() -> None:
    answer = judge_maintenance(care("rlm1"), calm())
    assert isinstance(answer, Refusal)
    assert answer.kind is RefusalKind.SERVES_NOW


def test_the_active_server_goes_after_a_move_to_the_best_candidate() -> None:
    assert judge_maintenance(care("rlm1", switchover=True), calm(pins=(pin("rlm2"),))) == "rlm3"
    newly = calm(rlm2=up("rlm2", successes=1), rlm3=down("rlm3"))
    assert judge_maintenance(care("rlm1", switchover=True), newly) == "rlm2"


def test_the_active_server_stays_where_nobody_else_is_healthy() -> None:
    answer = judge_maintenance(care("rlm1", switchover=True), calm(rlm2=down("rlm2"), rlm3=down("rlm3")))
    assert isinstance(answer, Refusal)
    assert answer.kind is RefusalKind.TARGET_UNHEALTHY


def test_to_give_the_active_server_back_needs_nothing() -> None:
    assert judge_maintenance(care("rlm1", enable=False), calm()) is None
