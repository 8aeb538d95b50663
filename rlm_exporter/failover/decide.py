"""Decides whether somebody else should serve. Pure: the same situation gives the same decision.

Early returns, safest first: the order is the policy, and it is the order of the table in `reasons`.
"""

from collections.abc import Callable

from rlm_exporter.failover.candidates import candidates
from rlm_exporter.failover.reasons import Decision, Move, Reason, Seen
from rlm_exporter.failover.rules_of_following import balancer_moved, epoch_behind, followed_rlm
from rlm_exporter.failover.rules_of_moving import (
    chasing,
    failback_due,
    in_cooldown,
    just_failed,
    last_attempt_failed,
    no_candidate,
    only_pinned_left,
)
from rlm_exporter.failover.rules_of_need import (
    active_healthy,
    below_threshold,
    monitor_disagrees,
    native_waiting,
    nobody_asked,
    not_automatic,
    paused,
    pools_missing,
    report_disagrees,
    web_only,
)
from rlm_exporter.failover.rules_of_sight import (
    balancer_unknown,
    not_leader,
    operation_open,
    snapshot_stale,
    store_unavailable,
)
from rlm_exporter.failover.signs import what_failed
from rlm_exporter.failover.situation import Situation

_FOLLOWING = frozenset({Reason.ADOPTED, Reason.BALANCER_WRONG, Reason.EPOCH_BEHIND, Reason.FOLLOWED_RLM})
"""Moves that make record and balancers agree; only the first of the retry times holds them."""


def decide(situation: Situation) -> Decision:
    """The first rule that matches."""
    for _, rule in _RULES:
        decision = rule(situation)
        if isinstance(decision, Move) and decision.reason in _FOLLOWING:
            return just_failed(situation) or decision
        if decision is not None:
            return decision
    best = candidates(situation)[0]
    return Move(reason=Reason.FAILED_OVER, candidate=best, detail=what_failed(situation))


def trace(situation: Situation) -> tuple[Seen, ...]:
    """What each rule makes of the situation, in their order, whether or not one before it decides.

    The last one, a failover, is what is left when no other applies: it is not among them.
    """
    seen: list[Seen] = []
    for reasons, rule in _RULES:
        decision = rule(situation)
        for reason in reasons:
            applies = decision is not None and decision.reason is reason
            detail = decision.detail if decision is not None and applies else ""
            seen.append(Seen(reason=reason, applies=applies, detail=detail))
    return tuple(seen)


_RULES: tuple[tuple[tuple[Reason, ...], Callable[[Situation], Decision | None]], ...] = (
    ((Reason.SNAPSHOT_STALE,), snapshot_stale),
    ((Reason.NOT_LEADER,), not_leader),
    ((Reason.STORE_UNAVAILABLE,), store_unavailable),
    ((Reason.OPERATION_OPEN,), operation_open),
    ((Reason.BALANCER_UNKNOWN,), balancer_unknown),
    ((Reason.EPOCH_CONTESTED, Reason.EPOCH_BEHIND), epoch_behind),
    ((Reason.ADOPTED, Reason.BALANCER_DIFFERS, Reason.BALANCER_WRONG), balancer_moved),
    ((Reason.FOLLOWED_RLM,), followed_rlm),
    ((Reason.FAILBACK_DUE,), failback_due),
    ((Reason.ACTIVE_HEALTHY,), active_healthy),
    ((Reason.PAUSED,), paused),
    ((Reason.NOBODY_ASKED,), nobody_asked),
    ((Reason.NOT_AUTOMATIC,), not_automatic),
    ((Reason.WEB_ONLY,), web_only),
    ((Reason.POOLS_MISSING,), pools_missing),
    ((Reason.NATIVE_WAITING,), native_waiting),
    ((Reason.BELOW_THRESHOLD,), below_threshold),
    ((Reason.MONITOR_DISAGREES,), monitor_disagrees),
    ((Reason.REPORT_DISAGREES,), report_disagrees),
    ((Reason.NO_CANDIDATE,), no_candidate),
    ((Reason.ONLY_PINNED_LEFT,), only_pinned_left),
    ((Reason.IN_COOLDOWN,), in_cooldown),
    ((Reason.LAST_ATTEMPT_FAILED,), last_attempt_failed),
    ((Reason.CHASING,), chasing),
)
"""What each may decide, and how; in the order of the table."""
