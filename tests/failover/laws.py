"""What holds of every decision and of every state of a cluster, whatever has happened before."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from rlm_exporter.failover.by_hand import AlreadyActive, Answer, Plan
from rlm_exporter.failover.candidates import candidates, has_pools, in_maintenance, is_pinned
from rlm_exporter.failover.decide import decide
from rlm_exporter.failover.external import Component
from rlm_exporter.failover.reasons import NUMBERS, RULES, Decision, Hold, Move, Reason
from rlm_exporter.failover.rules_of_moving import CHASE_LIMIT, CHASE_WINDOW
from rlm_exporter.failover.signs import independent_sign, stale_after
from rlm_exporter.failover.situation import Situation
from rlm_exporter.failover.trigger import FailoverRequest, Refusal, RefusalKind
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.manifest.model import Failback, Takeover
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.store.records import Operation, OperationKind, OperationState

FOLLOWS = frozenset({Reason.ADOPTED, Reason.BALANCER_WRONG, Reason.EPOCH_BEHIND, Reason.FOLLOWED_RLM})
"""Moves that make record and balancers agree: neither pause nor cooldown holds them."""

MOVES = frozenset(rule.reason for rule in RULES if not rule.then.startswith("hold"))


def check_decision(situation: Situation, decision: Decision) -> None:
    """Every law of a decision."""
    assert decision.reason in NUMBERS
    assert decision.detail
    assert isinstance(decision, Move) is (decision.reason in MOVES)
    assert decide(situation) == decision
    _reports_only_hold(situation, decision)
    if isinstance(decision, Move):
        _allowed(situation, decision)
        _leads_somewhere(situation, decision)
    else:
        _holds_for_its_reason(situation, decision)


def _reports_only_hold(situation: Situation, decision: Decision) -> None:
    """What other monitors say causes no move and chooses no candidate."""
    unheard = decide(replace(situation, reports=()))
    if isinstance(decision, Move):
        assert unheard == decision
    elif unheard != decision:
        assert isinstance(unheard, Move) or decision.reason is Reason.REPORT_DISAGREES


def _allowed(situation: Situation, move: Move) -> None:
    """Nothing moves on too little knowledge, nor where somebody or something holds it."""
    record, now, active = situation.record, situation.now, situation.active
    age = situation.snapshot.age(record.active, now)
    assert age is not None
    assert age <= stale_after(situation.cluster)
    assert active.health.known
    assert situation.store_writable
    assert not situation.operation_open
    assert situation.views or not situation.readings
    if move.reason in FOLLOWS:
        return
    assert record.paused_until is None or now >= record.paused_until
    assert situation.cluster.failover.automatic
    assert not _is_chase(situation) or move.reason is Reason.ONLY_PINNED_LEFT
    if move.reason is not Reason.ONLY_PINNED_LEFT:
        assert not situation.cooldown_left
    if move.reason is Reason.FAILBACK_DUE:
        _is_a_quiet_time(situation, move)
        return
    assert situation.trigger is not None
    assert active.health.failures > 0
    confirmed = active.health.failures >= situation.cluster.failover.threshold
    assert confirmed or independent_sign(situation) is not None
    _nobody_vouches(situation)
    if move.reason is Reason.ONLY_PINNED_LEFT:
        assert all(is_pinned(situation, name) for name in candidates(situation))


def _nobody_vouches(situation: Situation) -> None:
    since = situation.active.health.failing_since
    assert since is not None
    for report in situation.reports:
        is_word_for_it = report.healthy and report.component in {Component.SERVER, Component.LICENSE}
        is_of_now = since <= report.at <= situation.now < report.at + report.ttl
        if report.server == situation.record.active and is_word_for_it and is_of_now:
            assert independent_sign(situation) is not None or situation.active.status is not None


def _is_a_quiet_time(situation: Situation, move: Move) -> None:
    assert situation.cluster.failback is Failback.AUTOMATIC
    assert situation.active.health.is_up
    assert move.candidate == situation.cluster.servers[0].name or in_maintenance(
        situation, situation.cluster.servers[0].name
    )
    good_since = situation.snapshot.server(move.candidate).health.good_since
    assert good_since is not None
    assert situation.lasted(good_since) >= situation.cluster.failback_after
    assert not is_pinned(situation, move.candidate)


def _is_chase(situation: Situation) -> bool:
    seen = situation.record.acknowledged_at
    moves = sorted(at for at in situation.automatic_moves if seen is None or at > seen)
    return any(
        moves[index + CHASE_LIMIT - 1] - moves[index] < CHASE_WINDOW
        for index in range(len(moves) - CHASE_LIMIT + 1)
    )


def _leads_somewhere(situation: Situation, move: Move) -> None:
    """The target is a healthy member that no operator has taken out."""
    target = situation.snapshot.server(move.candidate)
    assert target.health.is_up
    assert target.health.failures == 0
    if move.reason is not Reason.EPOCH_BEHIND:
        assert (move.candidate == situation.record.active) is (move.reason is Reason.BALANCER_WRONG)
    if move.candidate != situation.record.active:
        assert not in_maintenance(situation, move.candidate)
    if move.reason in {Reason.FAILED_OVER, Reason.ONLY_PINNED_LEFT}:
        assert target.health.successes >= 2
    if move.reason is Reason.FOLLOWED_RLM:
        assert situation.cluster.takeover is Takeover.NATIVE
        assert has_pools(target)
        assert target.health.with_pools >= 2
        assert not has_pools(situation.active)


def _holds_for_its_reason(situation: Situation, hold: Hold) -> None:
    """A server that was not asked is not down, and one that is down is not healthy."""
    health = situation.active.health
    match hold.reason:
        case Reason.ACTIVE_HEALTHY | Reason.WEB_ONLY | Reason.POOLS_MISSING | Reason.BALANCER_DIFFERS:
            assert health.is_up
        case Reason.BELOW_THRESHOLD | Reason.NATIVE_WAITING | Reason.MONITOR_DISAGREES:
            assert hold.check_now
            assert health.known
        case Reason.REPORT_DISAGREES:
            assert hold.check_now
            assert health.failures > 0
            assert independent_sign(situation) is None
        case Reason.NO_CANDIDATE:
            assert candidates(situation) == ()
        case _:
            pass


def what_is_unknown_is_not_down(situation: Situation) -> None:
    """A check that could not be made moves nobody, whatever was known and whatever balancers say."""
    record = situation.record
    parts = tuple(
        ServerSnapshot(server=part.server, checked_at=situation.now) if part.server == record.active else part
        for part in situation.snapshot.servers
    )
    unasked = replace(situation, snapshot=replace(situation.snapshot, servers=parts))
    assert decide(unasked).reason is Reason.SNAPSHOT_STALE
    others = tuple(
        part if part.server == record.active else ServerSnapshot(server=part.server)
        for part in situation.snapshot.servers
    )
    alone = replace(situation, snapshot=replace(situation.snapshot, servers=others))
    decision = decide(alone)
    assert isinstance(decision, Hold) or decision.candidate == record.active


def check_answer(request: FailoverRequest, situation: Situation, answer: Answer) -> None:
    """Every law of an operator's wish for a move, where no operation is open."""
    active = situation.record.active
    if request.expect_active not in {None, active}:
        assert isinstance(answer, Refusal)
        assert answer.kind is RefusalKind.EXPECTATION
    match answer:
        case Plan() | Operation():
            target = situation.snapshot.server(answer.target)
            forced = request.force and request.kind is OperationKind.FAILOVER
            assert forced or target.health.is_up
            assert forced or not in_maintenance(situation, answer.target)
            assert forced or all(reading.view is not None for reading in situation.readings)
            assert request.kind is OperationKind.FAILOVER or situation.active.health.is_up
        case AlreadyActive(server=server):
            assert server == active
        case _:
            assert isinstance(answer, Refusal)
            assert answer.detail


def check_wanted(wanted: Desired, members: frozenset[str], seen: list[Desired]) -> None:
    """One server is wanted, by everybody, under an epoch that only rises; `seen` is all that was wanted.

    Or nobody: where an operation has ended so, balancers choose by themselves until the next one.
    """
    assert wanted.active is None or wanted.active in members
    assert wanted.active not in wanted.pinned
    assert wanted.pinned <= members
    if seen:
        assert wanted.epoch >= seen[-1].epoch
        assert wanted.epoch > seen[-1].epoch or wanted.active in {seen[-1].active, None}
    seen.append(wanted)


def check_spacing(history: list[Operation], cooldown: timedelta, acknowledged: list[int]) -> None:
    """No ping-pong: after an automatic move the next failover or failback waits for its cooldown.

    Only following what is and the only one that is left are not held, and an acknowledgement lifts it.
    `acknowledged` has how many operations had ended each time.
    """
    moves = [
        (number, each)
        for number, each in enumerate(history)
        if each.state is OperationState.COMMITTED
        and each.requested_by == "controller"
        and each.kind is not OperationKind.RESYNC
    ]
    for (first, earlier), (second, later) in pairwise(moves):
        if later.rule not in {Reason.FAILED_OVER, Reason.FAILBACK_DUE}:
            continue
        assert earlier.committed_at is not None
        lifted = any(first < number <= second for number in acknowledged)
        assert lifted or later.started_at - earlier.committed_at >= cooldown
