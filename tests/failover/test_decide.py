"""The rules as a truth table: one row for each, which changes one thing."""

from datetime import time, timedelta
from itertools import combinations
from typing import Any

import pytest

from rlm_exporter.failover.decide import decide, trace
from rlm_exporter.failover.external import Component, HealthReport
from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.reasons import NUMBERS, RULES, Decision, Hold, Move, Reason
from rlm_exporter.failover.rules_of_moving import retry_after
from rlm_exporter.failover.signs import stale_after
from rlm_exporter.failover.situation import Evidence
from rlm_exporter.failover.trigger import Trigger, TriggerKind
from rlm_exporter.manifest.model import Detection, Failback, FailbackWindow, Takeover
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.store.records import FailedAttempts, PinKind
from tests.failover.situations import (
    ALL_POOLS,
    EPOCH,
    NAMES,
    NOW,
    SILENT,
    ago,
    cluster,
    down,
    pin,
    read,
    record,
    situation,
    traffic,
    unknown,
    unread,
    up,
)

POOLS_GONE = Failure(reason=FailureReason.POOLS_MISSING, detail="no usable pool of STARCCM (siemens)")
ONE_FAILED = FailedAttempts(count=1, last_ended_at=ago(10))
CHASED = (ago(600), ago(1200), ago(3599))
VOUCHED = HealthReport(server="rlm1", component=Component.LICENSE, healthy=True, reporter="mon1", at=ago(5))

NATIVE = {"takeover": Takeover.NATIVE}
# What would hold back an automatic failback, which is no failover and waits for a quiet time.
UNTROUBLED: dict[str, Any] = {"attempts": None, "automatic_moves": (), "policy": {}}

BEHIND: dict[str, Any] = {
    "seen_epoch": 12,
    "active": up("rlm1"),
    "rlm2": up("rlm2"),
    "readings": (read("rlm2"),),
    "attempts": None,
}

ROWS: dict[Reason, dict[str, Any]] = {
    Reason.SNAPSHOT_STALE: {"active": down("rlm1", checked_at=ago(67))},
    Reason.NOT_LEADER: {"lease": LeaseView(ours=False, holder="ha2", url=None, remaining=0.0)},
    Reason.STORE_UNAVAILABLE: {"store_writable": False},
    Reason.OPERATION_OPEN: {"operation_open": True},
    Reason.BALANCER_UNKNOWN: {"readings": (unread(),)},
    Reason.EPOCH_CONTESTED: {**BEHIND, "catch_ups": (ago(29),)},
    Reason.EPOCH_BEHIND: BEHIND,
    Reason.ADOPTED: {
        "readings": (read("rlm2"),),
        "active": down("rlm1", failures=1),
        "rlm2": up("rlm2"),
        "attempts": None,
    },
    Reason.BALANCER_DIFFERS: {"readings": (read("rlm2"),), "active": up("rlm1"), "rlm2": up("rlm2")},
    Reason.BALANCER_WRONG: {
        "readings": (read("rlm2"),),
        "active": up("rlm1"),
        "rlm2": down("rlm2"),
        "attempts": None,
    },
    Reason.FOLLOWED_RLM: {
        "manifest": NATIVE,
        "active": down("rlm1"),
        "rlm2": up("rlm2", degraded=POOLS_GONE),
        "rlm3": up("rlm3"),
        "attempts": None,
    },
    Reason.FAILBACK_DUE: {
        "manifest": {"failback": Failback.AUTOMATIC},
        "record": record(active="rlm2"),
        "active": up("rlm1", good_since=ago(600)),
        "readings": (read("rlm2"),),
        "rlm2": up("rlm2"),
        **UNTROUBLED,
    },
    Reason.ACTIVE_HEALTHY: {"active": up("rlm1")},
    Reason.PAUSED: {"paused_until": NOW + timedelta(seconds=1)},
    Reason.NOBODY_ASKED: {"trigger": None},
    Reason.NOT_AUTOMATIC: {"policy": {"automatic": False}},
    Reason.WEB_ONLY: {"active": up("rlm1", web_failures=3)},
    Reason.POOLS_MISSING: {"active": up("rlm1", degraded=POOLS_GONE)},
    Reason.NATIVE_WAITING: {
        "manifest": NATIVE,
        "rlm2": up("rlm2", degraded=POOLS_GONE),
        "rlm3": up("rlm3", degraded=POOLS_GONE),
    },
    Reason.BELOW_THRESHOLD: {"active": down("rlm1", failures=1)},
    Reason.MONITOR_DISAGREES: {"evidence": Evidence(while_failing=traffic(arrived=0, bytes_out=512))},
    Reason.REPORT_DISAGREES: {"reports": (VOUCHED,)},
    Reason.NO_CANDIDATE: {"rlm2": down("rlm2"), "rlm3": down("rlm3")},
    Reason.ONLY_PINNED_LEFT: {"rlm2": down("rlm2"), "pins": (pin("rlm3"),), "attempts": None},
    Reason.IN_COOLDOWN: {"cooldown_until": NOW + timedelta(seconds=1)},
    Reason.LAST_ATTEMPT_FAILED: {"attempts": ONE_FAILED},
    Reason.CHASING: {"automatic_moves": CHASED},
    Reason.FAILED_OVER: {},
}
MOVES = {
    Reason.EPOCH_BEHIND: "rlm2",
    Reason.ADOPTED: "rlm2",
    Reason.BALANCER_WRONG: "rlm1",
    Reason.FOLLOWED_RLM: "rlm3",
    Reason.FAILBACK_DUE: "rlm1",
    Reason.ONLY_PINNED_LEFT: "rlm3",
    Reason.FAILED_OVER: "rlm2",
}


def reason(**changes: Any) -> Reason:
    """The rule that decides."""
    return decide(situation(**changes)).reason


@pytest.mark.row(33)
@pytest.mark.parametrize("rule", ROWS)
def test_each_rule_has_a_situation_in_which_it_decides(rule: Reason) -> None:
    decision = decide(situation(**ROWS[rule]))
    assert decision.reason is rule
    match decision:
        case Move(candidate=candidate):
            assert candidate == MOVES[rule]
        case Hold():
            assert rule not in MOVES
    assert decision.detail


def test_every_rule_of_the_table_has_a_row_and_no_other() -> None:
    assert list(ROWS) == [rule.reason for rule in RULES]
    assert set(NUMBERS) | {Reason.OPERATOR} == set(Reason)


def test_the_numbers_of_the_table_rise() -> None:
    numbers = [rule.number for rule in RULES]
    assert numbers == sorted(numbers)


# The row of a failback has another record, so the rows above it say other things beside it.
PAIRS = [
    pair
    for pair in combinations(ROWS, 2)
    if pair[1] is not Reason.FAILBACK_DUE and Reason.EPOCH_CONTESTED not in pair
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_first_rule_of_the_table_that_matches_wins(first: Reason, second: Reason) -> None:
    assert reason(**ROWS[second] | ROWS[first]) is first


# ---- how old, and whether known at all


@pytest.mark.parametrize(
    ("detection", "seconds"), [(Detection.FAST, 10), (Detection.NORMAL, 66), (Detection.SLOW, 66)]
)
def test_a_check_is_stale_when_it_is_older_than_two_checks_take(detection: Detection, seconds: int) -> None:
    assert stale_after(cluster(detection=detection)) == timedelta(seconds=seconds)
    policy = {"detection": detection}
    assert reason(policy=policy, active=down("rlm1", checked_at=ago(seconds))) is Reason.FAILED_OVER
    assert reason(policy=policy, active=down("rlm1", checked_at=ago(seconds + 1))) is Reason.SNAPSHOT_STALE


@pytest.mark.parametrize(
    "part",
    [
        unknown("rlm1"),
        unknown("rlm1", Failure(reason=FailureReason.TOOL_MISSING, detail="there is no rlmutil")),
        unknown("rlm1", Failure(reason=FailureReason.LOCAL, detail="no free file descriptor")),
    ],
)
def test_what_is_not_known_of_the_active_server_moves_nobody(part: Any) -> None:
    decision = decide(situation(active=part))
    assert isinstance(decision, Hold)
    assert decision.reason is Reason.SNAPSHOT_STALE
    assert decision.check_now


def test_a_snapshot_from_the_future_moves_nobody_by_its_age() -> None:
    """The wall clock was set back: the age is negative, and the server is what its last check says."""
    assert reason(active=up("rlm1", checked_at=ago(-3600))) is Reason.ACTIVE_HEALTHY


# ---- the balancers' view


def test_a_balancer_that_moved_is_followed_when_the_wanted_server_failed_one_check() -> None:
    decision = decide(situation(active=down("rlm1", failures=1), readings=(read("rlm3"),)))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.ADOPTED, "rlm3")


@pytest.mark.parametrize(("seconds", "rule"), [(59, Reason.BALANCER_DIFFERS), (60, Reason.ADOPTED)])
def test_a_balancer_that_differs_is_followed_after_a_minute(seconds: int, rule: Reason) -> None:
    changes: dict[str, Any] = {"active": up("rlm1"), "readings": (read("rlm2"),)}
    assert reason(**changes, differs_since=ago(seconds)) is rule


@pytest.mark.parametrize(
    "hold", [Reason.PAUSED, Reason.NOT_AUTOMATIC, Reason.IN_COOLDOWN, Reason.NOBODY_ASKED]
)
def test_nothing_that_holds_a_failover_holds_an_adoption(hold: Reason) -> None:
    assert reason(**ROWS[hold] | ROWS[Reason.ADOPTED]) is Reason.ADOPTED


def test_a_balancer_is_not_followed_to_a_server_that_is_down() -> None:
    decision = decide(situation(readings=(read("rlm2"),), rlm2=down("rlm2")))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.FAILED_OVER, "rlm3")


def test_a_balancer_is_not_followed_to_a_server_that_the_manifest_does_not_know() -> None:
    assert reason(readings=(read("old-rlm"),)) is Reason.FAILED_OVER
    assert reason(readings=(read("old-rlm"),), active=up("rlm1")) is Reason.ACTIVE_HEALTHY


@pytest.mark.parametrize("epoch", [None, EPOCH - 1, EPOCH + 1])
def test_a_worker_without_our_epoch_is_no_evidence(epoch: int | None) -> None:
    strange = (read("rlm2", epoch=epoch, downs=("rlm1",)),)
    assert reason(readings=strange, active=up("rlm1")) is Reason.ACTIVE_HEALTHY
    assert reason(readings=strange, active=down("rlm1", failures=1)) is Reason.BELOW_THRESHOLD


def test_balancers_that_disagree_are_led_to_the_wanted_server_after_a_minute() -> None:
    two = (read("rlm1"), read("rlm2", balancer="lb2"))
    assert reason(readings=two, active=up("rlm1"), differs_since=ago(59)) is Reason.BALANCER_DIFFERS
    decision = decide(situation(readings=two, active=up("rlm1"), differs_since=ago(60)))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.BALANCER_WRONG, "rlm1")


def test_balancers_that_disagree_follow_the_one_that_found_a_healthy_server() -> None:
    two = (read("rlm1"), read("rlm2", balancer="lb2"))
    decision = decide(situation(readings=two))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.ADOPTED, "rlm2")


def test_balancers_that_both_moved_are_followed() -> None:
    two = (read("rlm2"), read("rlm2", balancer="lb2"))
    assert reason(readings=two) is Reason.ADOPTED


def test_one_balancer_that_can_be_read_is_enough_to_decide() -> None:
    assert reason(readings=(unread(), read(balancer="lb2"))) is Reason.FAILED_OVER


def test_a_cluster_without_a_balancer_is_decided_by_our_own_checks() -> None:
    assert reason(readings=()) is Reason.FAILED_OVER
    assert reason(readings=(), active=down("rlm1", failures=1)) is Reason.BELOW_THRESHOLD


def test_a_balancer_is_not_followed_to_a_server_in_maintenance() -> None:
    """Its table may name a server for long after nobody is sent there any more."""
    held: dict[str, Any] = {"readings": (read("rlm2"),), "pins": (pin("rlm2", PinKind.MAINTENANCE),)}
    decision = decide(situation(**held))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.FAILED_OVER, "rlm3")
    held["active"] = up("rlm1")
    assert reason(**held, differs_since=ago(59)) is Reason.BALANCER_DIFFERS
    decision = decide(situation(**held, differs_since=ago(60)))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.BALANCER_WRONG, "rlm1")


def test_where_one_of_two_servers_is_in_maintenance_the_other_is_followed() -> None:
    two = (read("rlm2"), read("rlm3", balancer="lb2"))
    decision = decide(situation(readings=two, pins=(pin("rlm2", PinKind.MAINTENANCE),)))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.ADOPTED, "rlm3")


# ---- confirmed down


def test_one_failed_check_is_confirmed_by_a_balancer_that_finds_the_server_down() -> None:
    one = down("rlm1", failures=1)
    assert reason(active=one, readings=(read(downs=("rlm1",)),)) is Reason.FAILED_OVER


def test_every_balancer_has_to_find_it_down() -> None:
    two = (read(downs=("rlm1",)), read(balancer="lb2"))
    assert reason(active=down("rlm1", failures=1), readings=two) is Reason.BELOW_THRESHOLD


def test_one_failed_check_is_confirmed_by_connections_that_got_not_a_byte() -> None:
    assert reason(active=down("rlm1", failures=1), evidence=SILENT) is Reason.FAILED_OVER


@pytest.mark.parametrize(("arrived", "bytes_out"), [(0, 0), (3, 1)])
def test_no_connections_or_one_byte_confirm_nothing(arrived: int, bytes_out: int) -> None:
    seen = Evidence(since_check=traffic(arrived=arrived, bytes_out=bytes_out))
    assert reason(active=down("rlm1", failures=1), evidence=seen) is Reason.BELOW_THRESHOLD


def test_a_balancer_that_finds_a_server_down_is_no_failed_check() -> None:
    assert reason(active=up("rlm1"), readings=(read(downs=("rlm1",)),)) is Reason.ACTIVE_HEALTHY


@pytest.mark.row(6)
@pytest.mark.parametrize(("failures", "rule"), [(2, Reason.BELOW_THRESHOLD), (3, Reason.FAILED_OVER)])
def test_the_manifests_threshold_counts(failures: int, rule: Reason) -> None:
    assert reason(policy={"threshold": 3}, active=down("rlm1", failures=failures)) is rule


def test_a_doubt_is_checked_at_once() -> None:
    decision = decide(situation(**ROWS[Reason.BELOW_THRESHOLD]))
    assert isinstance(decision, Hold)
    assert decision.check_now


# ---- bytes that the balancer saw


@pytest.mark.parametrize(
    "failure", [FailureReason.ISV_DOWN, FailureReason.ISV_PORT_CHANGED, FailureReason.POOLS_MISSING]
)
def test_bytes_of_a_main_port_that_answers_do_not_excuse_a_dead_isv_server(failure: FailureReason) -> None:
    """rlm goes on sending clients to an ISV server that is not there; that is bytes, and no service."""
    part = down("rlm1", reason=failure, answer=ALL_POOLS)
    assert reason(active=part, **ROWS[Reason.MONITOR_DISAGREES]) is Reason.FAILED_OVER


# ---- candidates


def test_a_server_in_maintenance_is_no_candidate() -> None:
    held = (pin("rlm2", PinKind.MAINTENANCE), pin("rlm3", PinKind.MAINTENANCE))
    assert reason(pins=held) is Reason.NO_CANDIDATE


def test_a_candidate_that_is_only_settling_does_not_count_as_pinned() -> None:
    held = (pin("rlm2", PinKind.SETTLE), pin("rlm3"))
    decision = decide(situation(pins=held, cooldown_until=NOW + timedelta(seconds=60)))
    assert decision.reason is Reason.IN_COOLDOWN


@pytest.mark.parametrize("hold", [Reason.IN_COOLDOWN, Reason.CHASING])
def test_the_only_healthy_one_is_taken_in_cooldown_and_in_a_chase(hold: Reason) -> None:
    assert reason(**ROWS[hold] | ROWS[Reason.ONLY_PINNED_LEFT]) is Reason.ONLY_PINNED_LEFT


def test_the_only_healthy_one_is_not_tried_again_and_again() -> None:
    """A required fence that fails each time must not make an operation at each look."""
    assert reason(**ROWS[Reason.ONLY_PINNED_LEFT] | {"attempts": ONE_FAILED}) is Reason.LAST_ATTEMPT_FAILED
    over = FailedAttempts(count=1, last_ended_at=ago(30))
    assert reason(**ROWS[Reason.ONLY_PINNED_LEFT] | {"attempts": over}) is Reason.ONLY_PINNED_LEFT


# ---- quiet times


@pytest.mark.row(6)
@pytest.mark.parametrize(("seconds", "rule"), [(1, Reason.IN_COOLDOWN), (0, Reason.FAILED_OVER)])
def test_the_cooldown_ends_on_the_second(seconds: int, rule: Reason) -> None:
    assert reason(cooldown_until=NOW + timedelta(seconds=seconds)) is rule


def test_failed_attempts_are_spaced_by_30_seconds_doubling_to_15_minutes() -> None:
    waits = [retry_after(count).total_seconds() for count in range(1, 9)]
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert retry_after(10_000) == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("count", "ended", "rule"),
    [
        (1, 29, Reason.LAST_ATTEMPT_FAILED),
        (1, 30, Reason.FAILED_OVER),
        (3, 119, Reason.LAST_ATTEMPT_FAILED),
        (3, 120, Reason.FAILED_OVER),
        (40, 899, Reason.LAST_ATTEMPT_FAILED),
        (40, 900, Reason.FAILED_OVER),
    ],
)
def test_the_next_attempt_waits_for_its_time(count: int, ended: int, rule: Reason) -> None:
    assert reason(attempts=FailedAttempts(count=count, last_ended_at=ago(ended))) is rule


@pytest.mark.parametrize("rule", [Reason.ADOPTED, Reason.BALANCER_WRONG, Reason.FOLLOWED_RLM])
def test_what_only_follows_and_failed_is_tried_again_after_30_seconds_however_often_it_failed(
    rule: Reason,
) -> None:
    """Without that, one that cannot succeed would be an operation at each look."""
    for ended, expected in ((29, Reason.LAST_ATTEMPT_FAILED), (30, rule)):
        attempts = FailedAttempts(count=40, last_ended_at=ago(ended))
        assert reason(**ROWS[rule] | {"attempts": attempts}) is expected


def test_no_failed_attempt_holds_nothing() -> None:
    assert reason(attempts=FailedAttempts(count=0, last_ended_at=None)) is Reason.FAILED_OVER


@pytest.mark.parametrize(("seconds", "rule"), [(1, Reason.PAUSED), (0, Reason.FAILED_OVER)])
def test_a_pause_ends_on_the_second(seconds: int, rule: Reason) -> None:
    assert reason(paused_until=NOW + timedelta(seconds=seconds)) is rule


def test_three_moves_within_an_hour_are_a_chase() -> None:
    assert reason(automatic_moves=(ago(600), ago(1200))) is Reason.FAILED_OVER
    assert reason(automatic_moves=(ago(600), ago(1200), ago(4199))) is Reason.CHASING
    assert reason(automatic_moves=(ago(600), ago(1200), ago(4200))) is Reason.FAILED_OVER


def test_a_chase_lasts_until_somebody_acknowledges_it() -> None:
    yesterday = (ago(86400), ago(87000), ago(87600))
    assert reason(automatic_moves=yesterday) is Reason.CHASING
    assert reason(automatic_moves=(ago(60), *yesterday), acknowledged_at=ago(3600)) is Reason.FAILED_OVER
    assert reason(automatic_moves=(ago(60), *yesterday), acknowledged_at=ago(86500)) is Reason.FAILED_OVER


# ---- what is never decided, whatever the situation


def test_an_alert_asks_like_the_detector() -> None:
    asked = Trigger(kind=TriggerKind.ALERT, alerts=("8f3c1b",))
    assert reason(trigger=asked) is Reason.FAILED_OVER
    assert reason(trigger=asked, active=up("rlm1")) is Reason.ACTIVE_HEALTHY


def every_decision() -> list[tuple[Any, Decision]]:
    """All situations of up to three rows at once."""
    rows = list(ROWS.values())
    merged = [one | two | three for one in rows for two in rows for three in rows]
    situations = [situation(**each) for each in merged]
    return [(each, decide(each)) for each in situations]


def test_a_move_never_leads_to_the_active_server_nor_to_one_that_is_down_or_in_maintenance() -> None:
    moves = [(seen, each) for seen, each in every_decision() if isinstance(each, Move)]
    assert moves
    for seen, move in moves:
        if move.reason is not Reason.EPOCH_BEHIND:
            assert (move.candidate == seen.record.active) is (move.reason is Reason.BALANCER_WRONG)
        assert seen.snapshot.server(move.candidate).health.is_up


def test_the_record_may_name_any_server_as_active() -> None:
    """The rules know no preferred server: whoever is recorded is the one that is watched."""
    for name in NAMES:
        parts = {"active" if other == "rlm1" else other: up(other) for other in NAMES}
        seen = situation(**parts, record=record(active=name), readings=(read(name),))
        assert decide(seen).reason is Reason.ACTIVE_HEALTHY


# ---- RLM's own takeover


def test_a_waiting_standby_without_pools_is_nobodys_candidate_under_native_takeover() -> None:
    empty = {name: up(name, degraded=POOLS_GONE) for name in ("rlm2", "rlm3")}
    late = down("rlm1", failing_since=ago(241))
    assert reason(manifest=NATIVE, active=late, **empty) is Reason.NO_CANDIDATE
    assert reason(active=late, **empty) is Reason.FAILED_OVER


@pytest.mark.parametrize(("seconds", "rule"), [(239, Reason.NATIVE_WAITING), (240, Reason.NO_CANDIDATE)])
def test_rlm_has_four_minutes_for_its_own_takeover(seconds: int, rule: Reason) -> None:
    empty = {name: up(name, degraded=POOLS_GONE) for name in ("rlm2", "rlm3")}
    assert reason(manifest=NATIVE, active=down("rlm1", failing_since=ago(seconds)), **empty) is rule


def test_rlms_own_give_back_is_followed() -> None:
    """rlm1 is back and has its pools again; rlm2 stood in for it and has none left."""
    decision = decide(
        situation(
            manifest=NATIVE,
            record=record(active="rlm2"),
            readings=(read("rlm2"),),
            active=up("rlm1"),
            rlm2=up("rlm2", degraded=POOLS_GONE),
            rlm3=down("rlm3"),
        )
    )
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.FOLLOWED_RLM, "rlm1")


def test_a_server_whose_pools_came_only_now_is_not_followed_yet() -> None:
    """A standby has been up for long; what counts is since when it has pools."""
    changes = ROWS[Reason.FOLLOWED_RLM] | {"rlm3": up("rlm3", successes=500, with_pools=1)}
    assert reason(**changes) is Reason.NATIVE_WAITING
    assert reason(**changes | {"manifest": {}, "active": down("rlm1")}) is Reason.FAILED_OVER


# ---- the automatic failback

NIGHT = FailbackWindow(start=time(22), end=time(6), timezone="Europe/Berlin")
"""NOW is 03:14 there."""
DAY = FailbackWindow(start=time(6), end=time(22), timezone="Europe/Berlin")
AUTOMATIC = {"failback": Failback.AUTOMATIC}

NO_FAILBACK: dict[str, dict[str, Any]] = {
    "by hand only": {"manifest": {"failback": Failback.MANUAL}},
    "not good for long enough": {"active": up("rlm1", good_since=ago(599))},
    "the clock was set 599 s ago": {"active": up("rlm1", good_since=ago(4000)), "steady_since": ago(599)},
    "down": {"active": down("rlm1")},
    "without its pools": {"active": up("rlm1", good_since=ago(600), degraded=POOLS_GONE)},
    "outside the window": {"manifest": {**AUTOMATIC, "failback_window": DAY}},
    "pinned": {"record": record(active="rlm2", pins=(pin("rlm1"),))},
    "in maintenance": {"record": record(active="rlm2", pins=(pin("rlm1", PinKind.MAINTENANCE),))},
    "paused": {"record": record(active="rlm2", paused_until=NOW + timedelta(seconds=1))},
    "in cooldown": {"record": record(active="rlm2", cooldown_until=NOW + timedelta(seconds=1))},
    "watched only": {"policy": {"automatic": False}},
    "a balancer away": {"readings": (read("rlm2"), unread("lb2"))},
    "the last attempt failed": {"attempts": ONE_FAILED},
    "a chase": {"automatic_moves": CHASED},
    "home already": {"record": record(), "readings": (read(),)},
}


@pytest.mark.parametrize("change", NO_FAILBACK.values(), ids=NO_FAILBACK)
def test_an_automatic_failback_waits_for_a_quiet_time(change: dict[str, Any]) -> None:
    assert reason(**ROWS[Reason.FAILBACK_DUE] | change) is Reason.ACTIVE_HEALTHY


def test_an_automatic_failback_is_no_way_out_of_a_fault() -> None:
    assert reason(**ROWS[Reason.FAILBACK_DUE] | {"rlm2": down("rlm2")}) is Reason.FAILED_OVER


def test_an_automatic_failback_inside_its_window_needs_nobody_who_asks() -> None:
    change = {"manifest": {**AUTOMATIC, "failback_window": NIGHT}, "trigger": None}
    assert reason(**ROWS[Reason.FAILBACK_DUE] | change) is Reason.FAILBACK_DUE


# ---- a time in which nobody answered us


def back(server: str, seconds: float) -> ServerSnapshot:
    """A server that has been good for so long."""
    return up(server, successes=2, good_since=ago(seconds))


def test_failures_from_a_time_in_which_no_candidate_answered_either_move_nobody() -> None:
    """Our own network was away: the standby's check came first when it was back."""
    blind = {"active": down("rlm1", failures=5), "rlm2": back("rlm2", 1), "rlm3": down("rlm3")}
    decision = decide(situation(**blind))
    assert decision.reason is Reason.BELOW_THRESHOLD
    assert isinstance(decision, Hold)
    assert decision.check_now
    assert "our own network" in decision.detail


def test_one_failed_check_from_after_that_is_enough() -> None:
    assert reason(active=down("rlm1"), rlm2=back("rlm2", 7), rlm3=down("rlm3")) is Reason.FAILED_OVER


def test_one_candidate_that_answered_all_the_while_is_enough() -> None:
    assert reason(active=down("rlm1"), rlm2=back("rlm2", 1), rlm3=up("rlm3")) is Reason.FAILED_OVER


def test_what_the_balancer_sees_for_itself_needs_no_network_of_ours() -> None:
    """It finds the server down too."""
    blind = {"active": down("rlm1"), "rlm2": back("rlm2", 1), "rlm3": down("rlm3")}
    assert reason(**blind, readings=(read("rlm1", downs=("rlm1",)),)) is Reason.FAILED_OVER


# ---- epochs


def test_a_balancer_that_is_above_us_again_and_again_has_a_second_controller() -> None:
    rare = {**BEHIND, "catch_ups": (ago(31), ago(200), ago(601))}
    assert reason(**rare) is Reason.EPOCH_BEHIND
    assert reason(**{**rare, "catch_ups": (ago(31), ago(200), ago(599))}) is Reason.EPOCH_CONTESTED


@pytest.mark.parametrize(
    ("changes", "serving"),
    [
        ({}, "rlm2"),
        ({"pins": (pin("rlm2", PinKind.MAINTENANCE),)}, "rlm1"),
        ({"readings": (read("rlm1"), read("rlm2", balancer="lb2"))}, "rlm1"),
        ({"readings": (read("rlm3"), read("rlm1", balancer="lb2"))}, "rlm1"),
        ({"readings": (read("old-rlm"),)}, "rlm1"),
        ({"readings": (read(None),)}, "rlm1"),
    ],
)
def test_who_serves_already_stays_but_for_one_in_maintenance(changes: dict[str, Any], serving: str) -> None:
    decision = decide(situation(**BEHIND | changes))
    assert isinstance(decision, Move)
    assert (decision.reason, decision.candidate) == (Reason.EPOCH_BEHIND, serving)


def test_nobody_is_caught_up_with_for_a_server_that_is_down() -> None:
    nobody = {**BEHIND, "active": down("rlm1"), "rlm2": down("rlm2"), "rlm3": down("rlm3")}
    assert reason(**nobody) is Reason.NO_CANDIDATE


def test_a_server_that_did_not_answer_once_is_not_taken_for_one_without_pools() -> None:
    waiting = {"rlm2": up("rlm2", degraded=POOLS_GONE), "rlm3": up("rlm3"), "attempts": None}
    assert reason(manifest=NATIVE, active=down("rlm1", failures=1), **waiting) is Reason.NATIVE_WAITING
    empty = up("rlm1", degraded=POOLS_GONE)
    assert reason(manifest=NATIVE, active=empty, **waiting) is Reason.FOLLOWED_RLM


# ---- a clock that is set


def test_a_cooldown_that_another_clock_wrote_holds_nothing() -> None:
    assert reason(cooldown_until=NOW + timedelta(seconds=299)) is Reason.IN_COOLDOWN
    assert reason(cooldown_until=NOW + timedelta(hours=1)) is Reason.FAILED_OVER


def test_a_failed_attempt_of_the_future_holds_nothing() -> None:
    attempts = FailedAttempts(count=3, last_ended_at=NOW + timedelta(hours=1))
    assert reason(attempts=attempts) is Reason.FAILED_OVER


def test_a_difference_counts_from_when_the_clock_was_set() -> None:
    differs = {**ROWS[Reason.BALANCER_DIFFERS], "differs_since": ago(3600)}
    assert reason(**differs) is Reason.ADOPTED
    assert reason(**differs, steady_since=ago(59)) is Reason.BALANCER_DIFFERS


# ---- what each rule sees


def test_a_trace_tells_of_every_rule_in_its_order_and_begins_with_the_one_that_decides() -> None:
    for rule, changes in ROWS.items():
        seen = situation(**changes)
        told = trace(seen)
        assert [each.reason for each in told] == [each.reason for each in RULES[:-1]]
        applying = [each for each in told if each.applies]
        assert all(each.detail for each in applying)
        first = applying[0].reason if applying else Reason.FAILED_OVER
        assert first is rule


def test_a_web_interface_that_answers_is_not_told_to_be_down() -> None:
    """A dry run shows every rule, also those that come after the one that decides."""
    seen = {each.reason: each for each in trace(situation(**ROWS[Reason.ACTIVE_HEALTHY]))}
    assert seen[Reason.ACTIVE_HEALTHY].applies
    assert not seen[Reason.WEB_ONLY].applies
