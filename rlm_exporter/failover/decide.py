"""Decides whether somebody else should serve. Pure: the same situation gives the same decision.

Early returns, safest first: the order is the policy, and it is the order of the table in `reasons`.
"""

from collections.abc import Callable
from datetime import timedelta

from rlm_exporter.failover.candidates import candidates, is_pinned
from rlm_exporter.failover.reasons import Decision, Hold, Move, Reason
from rlm_exporter.failover.situation import Situation
from rlm_exporter.manifest.model import Cluster, PoolsMissing
from rlm_exporter.probe.schedule import SPACING, plan_for

LASTING = timedelta(seconds=60)
"""How long a balancer may differ from the record, with the wanted server healthy, before we follow it."""

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=15)
CHASE_WINDOW = timedelta(hours=1)
CHASE_LIMIT = 3


def decide(situation: Situation) -> Decision:
    """The first rule that matches."""
    for rule in _RULES:
        decision = rule(situation)
        if decision is not None:
            return decision
    best = candidates(situation)[0]
    return Move(reason=Reason.FAILED_OVER, candidate=best, detail=_what_failed(situation))


def _snapshot_stale(situation: Situation) -> Decision | None:
    age = situation.snapshot.age(situation.record.active, situation.now)
    limit = stale_after(situation.cluster)
    if age is not None and age <= limit and situation.active.health.known:
        return None
    failure = situation.active.health.failure
    if age is None:
        told = "has not been checked yet"
    elif age > limit:
        told = f"was checked {_seconds(age)} ago"
    else:
        told = f"could not be checked: {failure.detail if failure else 'no result'}"
    return Hold(
        reason=Reason.SNAPSHOT_STALE,
        detail=f"{situation.record.active} {told}; older than {_seconds(limit)} decides nothing",
        check_now=True,
    )


def stale_after(cluster: Cluster) -> timedelta:
    """The age at which the active server's last check decides nothing: as long as two checks take."""
    plan = plan_for(cluster, active=True)
    return 2 * max(plan.interval, plan.attempts * (plan.timeout + SPACING))


def _store_unavailable(situation: Situation) -> Decision | None:
    if situation.store_writable:
        return None
    return Hold(reason=Reason.STORE_UNAVAILABLE, detail="the journal cannot be written")


def _operation_open(situation: Situation) -> Decision | None:
    if not situation.operation_open:
        return None
    return Hold(reason=Reason.OPERATION_OPEN, detail="an operation is open")


def _balancer_unknown(situation: Situation) -> Decision | None:
    if not situation.readings or situation.views:
        return None
    errors = "; ".join(reading.error or "no answer" for reading in situation.readings)
    return Hold(reason=Reason.BALANCER_UNKNOWN, detail=errors)


def _balancer_moved(situation: Situation) -> Decision | None:
    there = situation.balancer_active
    if there is None or there == situation.record.active or not _is_member(situation, there):
        return None
    wanted = situation.active.health
    if not situation.snapshot.server(there).health.is_up:
        return _balancer_wrong(situation, there)
    if wanted.failures > 0:
        return Move(
            reason=Reason.ADOPTED,
            candidate=there,
            detail=f"the balancer moved to {there} by itself; {_what_failed(situation)}",
        )
    since = situation.differs_since
    if since is not None and situation.now - since >= LASTING:
        return Move(
            reason=Reason.ADOPTED,
            candidate=there,
            detail=f"the balancer has had {there} active for {_seconds(situation.now - since)}, "
            f"although {situation.record.active} is healthy",
        )
    return Hold(
        reason=Reason.BALANCER_DIFFERS,
        detail=f"the balancer has {there} active, and {situation.record.active} is healthy",
        check_now=True,
    )


def _is_member(situation: Situation, name: str) -> bool:
    return any(server.name == name for server in situation.cluster.servers)


def _balancer_wrong(situation: Situation, there: str) -> Decision | None:
    """HAProxy has moved to a server that is worse than the one it left."""
    confirmed = situation.snapshot.server(there).health.failures >= situation.cluster.failover.threshold
    if not confirmed or not situation.active.health.is_up:
        return None
    return Move(
        reason=Reason.BALANCER_WRONG,
        candidate=situation.record.active,
        detail=f"the balancer sends clients to {there}, which is down; {situation.record.active} is healthy",
    )


def _active_healthy(situation: Situation) -> Decision | None:
    part = situation.active
    if not part.health.is_up or part.health.degraded is not None or part.web_failures > 0:
        return None
    return Hold(reason=Reason.ACTIVE_HEALTHY, detail=f"{part.server} answers")


def _paused(situation: Situation) -> Decision | None:
    until = situation.record.paused_until
    if until is None or situation.now >= until:
        return None
    return Hold(
        reason=Reason.PAUSED,
        detail=f"{_what_failed(situation)}; paused by an operator until {until:%Y-%m-%d %H:%M:%S} UTC",
    )


def _nobody_asked(situation: Situation) -> Decision | None:
    if situation.trigger is not None:
        return None
    return Hold(
        reason=Reason.NOBODY_ASKED,
        detail=f"{_what_failed(situation)}; only alerts may ask for a move, and none fires",
    )


def _not_automatic(situation: Situation) -> Decision | None:
    if situation.cluster.failover.automatic:
        return None
    return Hold(reason=Reason.NOT_AUTOMATIC, detail=f"{_what_failed(situation)}; `automatic` is false")


def _web_only(situation: Situation) -> Decision | None:
    part = situation.active
    if not part.health.is_up or part.health.degraded is not None:
        return None
    return Hold(reason=Reason.WEB_ONLY, detail=f"only the web interface of {part.server} is down")


def _pools_missing(situation: Situation) -> Decision | None:
    part = situation.active
    if not part.health.is_up or part.health.degraded is None:
        return None
    if situation.cluster.failover.pools_missing is PoolsMissing.MOVE:
        return None
    return Hold(reason=Reason.POOLS_MISSING, detail=part.health.degraded.detail)


def _below_threshold(situation: Situation) -> Decision | None:
    health = situation.active.health
    threshold = situation.cluster.failover.threshold
    if health.failures >= threshold or independent_sign(situation) is not None:
        return None
    return Hold(
        reason=Reason.BELOW_THRESHOLD,
        detail=f"{_what_failed(situation)}; {health.failures} of {threshold} checks failed, and no "
        "balancer confirms it",
        check_now=True,
    )


def independent_sign(situation: Situation) -> str | None:
    """What the balancers say that confirms one failed check, in words; None when they do not."""
    if situation.active.health.failures == 0:
        return None
    lines = [view.license_line(situation.record.active) for view in situation.steered_views]
    known = [line for line in lines if line is not None]
    if known and all(line.status.startswith("DOWN") for line in known):
        return "the balancer finds it down too"
    traffic = situation.evidence.during_check
    if traffic is not None and traffic.arrived > 0 and traffic.bytes_out == 0:
        return f"{traffic.arrived} connections reached it during the check and it sent not a byte"
    return None


def _monitor_disagrees(situation: Situation) -> Decision | None:
    traffic = situation.evidence.while_failing
    if traffic is None or traffic.bytes_out == 0:
        return None
    if situation.active.status is not None:
        # rlm itself answered us, and goes on sending clients to an ISV server that is not there: bytes, but
        # no service.
        return None
    return Hold(
        reason=Reason.MONITOR_DISAGREES,
        detail=f"{_what_failed(situation)}; but the balancer saw it send {traffic.bytes_out} bytes "
        f"to clients after {traffic.since:%H:%M:%S}",
        check_now=True,
    )


def _no_candidate(situation: Situation) -> Decision | None:
    if candidates(situation):
        return None
    return Hold(reason=Reason.NO_CANDIDATE, detail=f"{_what_failed(situation)}; no other server is healthy")


def _only_pinned_left(situation: Situation) -> Decision | None:
    usable = candidates(situation)
    if not all(is_pinned(situation, server) for server in usable):
        return None
    # No cooldown holds this, but a fence that fails each time must not make an operation at each look.
    return _last_attempt_failed(situation) or Move(
        reason=Reason.ONLY_PINNED_LEFT,
        candidate=usable[0],
        detail=f"{_what_failed(situation)}; {usable[0]} is pinned, and the only one left",
    )


def _in_cooldown(situation: Situation) -> Decision | None:
    until = situation.record.cooldown_until
    if until is None or situation.now >= until:
        return None
    return Hold(
        reason=Reason.IN_COOLDOWN,
        detail=f"{_what_failed(situation)}; the cooldown runs for {_seconds(until - situation.now)} more",
    )


def _last_attempt_failed(situation: Situation) -> Decision | None:
    attempts = situation.attempts
    if attempts is None or attempts.count == 0 or attempts.last_ended_at is None:
        return None
    wait = retry_after(attempts.count)
    if situation.now - attempts.last_ended_at >= wait:
        return None
    left = wait - (situation.now - attempts.last_ended_at)
    return Hold(
        reason=Reason.LAST_ATTEMPT_FAILED,
        detail=f"{attempts.count} operations of this incident failed; the next in {_seconds(left)}",
    )


def retry_after(failed: int) -> timedelta:
    """How long to wait after so many failed operations in a row: 30 s, doubling to 15 min."""
    return min(FIRST_RETRY * (1 << min(failed - 1, 10)), LONGEST_RETRY)


def _chasing(situation: Situation) -> Decision | None:
    seen = situation.record.acknowledged_at
    moves = sorted(at for at in situation.automatic_moves if seen is None or at > seen)
    runs = zip(moves, moves[CHASE_LIMIT - 1 :], strict=False)
    if all(last - first >= CHASE_WINDOW for first, last in runs):
        return None
    return Hold(
        reason=Reason.CHASING,
        detail=f"{CHASE_LIMIT} automatic moves within an hour; another one would only chase the fault. "
        "It ends when an operator acknowledges them",
    )


def _what_failed(situation: Situation) -> str:
    part = situation.active
    if part.health.failure is not None:
        return f"{part.server} is down: {part.health.failure.detail}"
    if part.health.degraded is not None:
        return f"{part.server} is degraded: {part.health.degraded.detail}"
    if part.web_failures > 0:
        return f"the web interface of {part.server} is down"
    return f"{part.server} answers"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"


_RULES: tuple[Callable[[Situation], Decision | None], ...] = (
    _snapshot_stale,
    _store_unavailable,
    _operation_open,
    _balancer_unknown,
    _balancer_moved,
    _active_healthy,
    _paused,
    _nobody_asked,
    _not_automatic,
    _web_only,
    _pools_missing,
    _below_threshold,
    _monitor_disagrees,
    _no_candidate,
    _only_pinned_left,
    _in_cooldown,
    _last_attempt_failed,
    _chasing,
)
