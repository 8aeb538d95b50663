"""Decides whether somebody else should serve. Pure: the same situation gives the same decision.

Early returns, safest first: the order is the policy, and it is the order of the table in `reasons`.
"""

from collections.abc import Callable
from datetime import timedelta

from rlm_exporter.failover.candidates import candidates, has_pools, in_maintenance, is_pinned, preferred
from rlm_exporter.failover.external import is_accused, vouching
from rlm_exporter.failover.reasons import Decision, Hold, Move, Reason, Seen
from rlm_exporter.failover.situation import Situation
from rlm_exporter.failover.spans import wait_left
from rlm_exporter.failover.window import is_open
from rlm_exporter.manifest.model import Cluster, Failback, PoolsMissing, Takeover
from rlm_exporter.probe.schedule import SPACING, plan_for

LASTING = timedelta(seconds=60)
"""How long a balancer may differ from the record, with the wanted server healthy, before we follow it."""

NATIVE_TAKEOVER = timedelta(seconds=240)
"""RLM's own takeover takes two to four minutes; only then has it failed."""

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=15)
CHASE_WINDOW = timedelta(hours=1)
CONTEST_WINDOW = timedelta(minutes=10)
CONTEST_LIMIT = 3
_FOLLOWING = frozenset({Reason.ADOPTED, Reason.BALANCER_WRONG, Reason.EPOCH_BEHIND, Reason.FOLLOWED_RLM})
"""Moves that make record and balancers agree; only the first of the retry times holds them."""
CHASE_LIMIT = 3


def decide(situation: Situation) -> Decision:
    """The first rule that matches."""
    for _, rule in _RULES:
        decision = rule(situation)
        if isinstance(decision, Move) and decision.reason in _FOLLOWING:
            return _just_failed(situation) or decision
        if decision is not None:
            return decision
    best = candidates(situation)[0]
    return Move(reason=Reason.FAILED_OVER, candidate=best, detail=_what_failed(situation))


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


def _epoch_behind(situation: Situation) -> Decision | None:
    if situation.seen_epoch <= situation.record.epoch:
        return None
    serving = _serving(situation)
    if not situation.snapshot.server(serving).health.is_up:
        return None
    told = f"a balancer has seen epoch {situation.seen_epoch}, the journal knows {situation.record.epoch}"
    recent = [at for at in situation.catch_ups if situation.now - at < CONTEST_WINDOW]
    if len(recent) >= CONTEST_LIMIT or any(situation.now - at < FIRST_RETRY for at in recent):
        return Hold(
            reason=Reason.EPOCH_CONTESTED,
            detail=f"{told}, although we went above it at {recent[0]:%H:%M:%S}: another controller steers "
            "this balancer; stop one of the two",
        )
    return Move(
        reason=Reason.EPOCH_BEHIND,
        candidate=serving,
        detail=f"{told}: the journal was restored from a backup, or another tool steers",
    )


def _serving(situation: Situation) -> str:
    """Whom the balancers have active, if that is a healthy member in use, else whom the record has."""
    active = situation.record.active
    named = {view.active for view in situation.views if view.active is not None}
    up = [
        name
        for name in sorted(named)
        if _is_member(situation, name)
        and situation.snapshot.server(name).health.is_up
        and not in_maintenance(situation, name)
    ]
    return up[0] if up and active not in up else active


def _balancer_moved(situation: Situation) -> Decision | None:
    wanted = situation.active.health
    there = sorted(
        name
        for name in situation.active_elsewhere
        if _is_member(situation, name) and situation.snapshot.server(name).health.is_up
    )
    # Where an operator has taken a server out, a table that names it is old: nobody follows it there.
    followed = [name for name in there if not in_maintenance(situation, name)]
    if not there:
        return _balancer_wrong(situation)
    if wanted.failures == 0:
        return _differs(situation, there[0], followed)
    if not followed:
        return None
    # Where balancers went different ways, the healthy server that one of them found is as good.
    return Move(
        reason=Reason.ADOPTED,
        candidate=followed[0],
        detail=f"the balancer moved to {followed[0]} by itself; {_what_failed(situation)}",
    )


def _differs(situation: Situation, there: str, followed: list[str]) -> Decision:
    since = situation.differs_since
    lasted = situation.lasted(since) if since is not None else timedelta()
    if lasted < LASTING:
        return Hold(
            reason=Reason.BALANCER_DIFFERS,
            detail=f"the balancer has {there} active, and {situation.record.active} is healthy",
            check_now=True,
        )
    if there not in followed:
        return Move(
            reason=Reason.BALANCER_WRONG,
            candidate=situation.record.active,
            detail=f"the balancer has {there} active, which is in maintenance, for {_seconds(lasted)}",
        )
    if situation.balancer_active != there:
        return Move(
            reason=Reason.BALANCER_WRONG,
            candidate=situation.record.active,
            detail=f"the balancers do not agree for {_seconds(lasted)}; {situation.record.active} is healthy",
        )
    return Move(
        reason=Reason.ADOPTED,
        candidate=there,
        detail=f"the balancer has had {there} active for {_seconds(lasted)}, "
        f"although {situation.record.active} is healthy",
    )


def _is_member(situation: Situation, name: str) -> bool:
    return any(server.name == name for server in situation.cluster.servers)


def _balancer_wrong(situation: Situation) -> Decision | None:
    """HAProxy has moved to a server that is worse than the one it left."""
    threshold = situation.cluster.failover.threshold
    worse = sorted(
        name
        for name in situation.active_elsewhere
        if _is_member(situation, name) and situation.snapshot.server(name).health.failures >= threshold
    )
    if not worse or not situation.active.health.is_up:
        return None
    return Move(
        reason=Reason.BALANCER_WRONG,
        candidate=situation.record.active,
        detail=f"the balancer sends to {worse[0]}, which is down; {situation.record.active} is healthy",
    )


def _followed_rlm(situation: Situation) -> Decision | None:
    if situation.cluster.takeover is not Takeover.NATIVE or has_pools(situation.active):
        return None
    if situation.active.status is None and not _is_confirmed_down(situation):
        # It did not answer once: whether it has pools is not known.
        return None
    holders = candidates(situation)
    if not holders:
        return None
    return Move(
        reason=Reason.FOLLOWED_RLM,
        candidate=holders[0],
        detail=f"{situation.record.active} has no pools, and {holders[0]} has: RLM has moved them",
    )


def _failback_due(situation: Situation) -> Decision | None:
    cluster, record, now = situation.cluster, situation.record, situation.now
    home = preferred(situation)
    if cluster.failback is not Failback.AUTOMATIC or home == record.active or not cluster.failover.automatic:
        return None
    good_since = situation.snapshot.server(home).health.good_since
    if good_since is None or situation.lasted(good_since) < cluster.failback_after:
        return None
    if is_pinned(situation, home) or not has_pools(situation.snapshot.server(home)):
        return None
    paused = record.paused_until is not None and now < record.paused_until
    if paused or situation.cooldown_left > timedelta():
        return None
    if not situation.active.health.is_up or not all(reading.steerable for reading in situation.readings):
        return None
    if is_accused(situation.reports, server=home, now=now) or _chasing(situation) is not None:
        # In a chase nobody might save the clients from there again.
        return None
    if not is_open(cluster.failback_window, now) or _last_attempt_failed(situation) is not None:
        return None
    return Move(
        reason=Reason.FAILBACK_DUE,
        candidate=home,
        detail=f"{home} is preferred and has been good since {good_since:%Y-%m-%d %H:%M:%S} UTC",
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


def _native_waiting(situation: Situation) -> Decision | None:
    since = situation.active.health.failing_since
    if situation.cluster.takeover is not Takeover.NATIVE or since is None:
        return None
    left = NATIVE_TAKEOVER - situation.lasted(since)
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.NATIVE_WAITING,
        detail=f"{_what_failed(situation)}; RLM may take over by itself for {_seconds(left)} more",
        check_now=True,
    )


def _below_threshold(situation: Situation) -> Decision | None:
    if independent_sign(situation) is not None:
        return None
    if _is_confirmed_down(situation):
        return _were_we_blind(situation)
    health, threshold = situation.active.health, situation.cluster.failover.threshold
    return Hold(
        reason=Reason.BELOW_THRESHOLD,
        detail=f"{_what_failed(situation)}; {health.failures} of {threshold} checks failed, and no "
        "balancer confirms it",
        check_now=True,
    )


def _is_confirmed_down(situation: Situation) -> bool:
    threshold = situation.cluster.failover.threshold
    return situation.active.health.failures >= threshold or independent_sign(situation) is not None


def _were_we_blind(situation: Situation) -> Hold | None:
    """Failed checks from a time at which nobody answered us may tell of our own network alone.

    One that began while a candidate was good is needed; without a candidate there is nobody to move to.
    """
    began = situation.active.health.last_failed_start
    usable = candidates(situation)
    good = [situation.snapshot.server(name).health.good_since or situation.now for name in usable]
    if began is None or not good or min(good) <= began:
        return None
    return Hold(
        reason=Reason.BELOW_THRESHOLD,
        detail=f"{_what_failed(situation)}; but {usable[0]} did not answer either until "
        f"{min(good):%H:%M:%S}: it may have been our own network",
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
    traffic = situation.evidence.since_check
    if traffic is not None and traffic.arrived > 0 and traffic.bytes_out == 0:
        return f"{traffic.arrived} connections reached it since the check began and it sent not a byte"
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


def _report_disagrees(situation: Situation) -> Decision | None:
    part, now = situation.active, situation.now
    if part.status is not None or part.health.failing_since is None:
        # rlm itself answered us and told what is wrong: more than a monitor that asks less can know.
        return None
    if independent_sign(situation) is not None:
        # What clients meet at the balancer counts for more than what somebody else meets.
        return None
    report = vouching(situation.reports, server=part.server, since=part.health.failing_since, now=now)
    if report is None:
        return None
    return Hold(
        reason=Reason.REPORT_DISAGREES,
        detail=f"{_what_failed(situation)}; but {report.reporter} reported it as healthy at "
        f"{report.at:%H:%M:%S}, which counts for {_seconds(report.at + report.ttl - now)} more",
        check_now=True,
    )


def _no_candidate(situation: Situation) -> Decision | None:
    if candidates(situation):
        return None
    return Hold(reason=Reason.NO_CANDIDATE, detail=f"{_what_failed(situation)}; no other server is healthy")


def _only_pinned_left(situation: Situation) -> Decision | None:
    usable = candidates(situation)
    if not usable or not all(is_pinned(situation, server) for server in usable):
        return None
    # No cooldown holds this, but a fence that fails each time must not make an operation at each look.
    return _last_attempt_failed(situation) or Move(
        reason=Reason.ONLY_PINNED_LEFT,
        candidate=usable[0],
        detail=f"{_what_failed(situation)}; {usable[0]} is pinned, and the only one left",
    )


def _in_cooldown(situation: Situation) -> Decision | None:
    left = situation.cooldown_left
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.IN_COOLDOWN,
        detail=f"{_what_failed(situation)}; the cooldown runs for {_seconds(left)} more",
    )


def _last_attempt_failed(situation: Situation) -> Decision | None:
    attempts = situation.attempts
    if attempts is None or attempts.count == 0 or attempts.last_ended_at is None:
        return None
    left = wait_left(attempts.last_ended_at, retry_after(attempts.count), situation.now)
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.LAST_ATTEMPT_FAILED,
        detail=f"{attempts.count} operations of this incident failed; the next in {_seconds(left)}",
    )


def _just_failed(situation: Situation) -> Hold | None:
    """What only follows is not held for long, but one that fails must not be tried again at each look."""
    attempts = situation.attempts
    if attempts is None:
        return None
    left = wait_left(attempts.last_ended_at, FIRST_RETRY, situation.now)
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.LAST_ATTEMPT_FAILED,
        detail=f"an operation of this incident has just failed; the next in {_seconds(left)}",
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


_RULES: tuple[tuple[tuple[Reason, ...], Callable[[Situation], Decision | None]], ...] = (
    ((Reason.SNAPSHOT_STALE,), _snapshot_stale),
    ((Reason.STORE_UNAVAILABLE,), _store_unavailable),
    ((Reason.OPERATION_OPEN,), _operation_open),
    ((Reason.BALANCER_UNKNOWN,), _balancer_unknown),
    ((Reason.EPOCH_CONTESTED, Reason.EPOCH_BEHIND), _epoch_behind),
    ((Reason.ADOPTED, Reason.BALANCER_DIFFERS, Reason.BALANCER_WRONG), _balancer_moved),
    ((Reason.FOLLOWED_RLM,), _followed_rlm),
    ((Reason.FAILBACK_DUE,), _failback_due),
    ((Reason.ACTIVE_HEALTHY,), _active_healthy),
    ((Reason.PAUSED,), _paused),
    ((Reason.NOBODY_ASKED,), _nobody_asked),
    ((Reason.NOT_AUTOMATIC,), _not_automatic),
    ((Reason.WEB_ONLY,), _web_only),
    ((Reason.POOLS_MISSING,), _pools_missing),
    ((Reason.NATIVE_WAITING,), _native_waiting),
    ((Reason.BELOW_THRESHOLD,), _below_threshold),
    ((Reason.MONITOR_DISAGREES,), _monitor_disagrees),
    ((Reason.REPORT_DISAGREES,), _report_disagrees),
    ((Reason.NO_CANDIDATE,), _no_candidate),
    ((Reason.ONLY_PINNED_LEFT,), _only_pinned_left),
    ((Reason.IN_COOLDOWN,), _in_cooldown),
    ((Reason.LAST_ATTEMPT_FAILED,), _last_attempt_failed),
    ((Reason.CHASING,), _chasing),
)
"""What each may decide, and how; in the order of the table."""
