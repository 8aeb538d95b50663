"""Rules 5 to 8: who the balancers, or RLM itself, have active already. Pure."""

from datetime import timedelta

from rlm_exporter.failover.candidates import candidates, has_pools, in_maintenance
from rlm_exporter.failover.reasons import Decision, Hold, Move, Reason
from rlm_exporter.failover.rules_of_moving import FIRST_RETRY
from rlm_exporter.failover.signs import in_seconds, is_confirmed_down, what_failed
from rlm_exporter.failover.situation import Situation
from rlm_exporter.manifest.model import Takeover

LASTING = timedelta(seconds=60)
"""How long a balancer may differ from the record, with the wanted server healthy, before we follow it."""

CONTEST_WINDOW = timedelta(minutes=10)
CONTEST_LIMIT = 3


def epoch_behind(situation: Situation) -> Decision | None:
    """A balancer knows a higher epoch than the journal."""
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


def balancer_moved(situation: Situation) -> Decision | None:
    """HAProxy has another server active than the record."""
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
        detail=f"the balancer moved to {followed[0]} by itself; {what_failed(situation)}",
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
            detail=f"the balancer has {there} active, which is in maintenance, for {in_seconds(lasted)}",
        )
    if situation.balancer_active != there:
        return Move(
            reason=Reason.BALANCER_WRONG,
            candidate=situation.record.active,
            detail=f"the balancers do not agree for {in_seconds(lasted)}; "
            f"{situation.record.active} is healthy",
        )
    return Move(
        reason=Reason.ADOPTED,
        candidate=there,
        detail=f"the balancer has had {there} active for {in_seconds(lasted)}, "
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


def followed_rlm(situation: Situation) -> Decision | None:
    """RLM itself has moved the pools."""
    if situation.cluster.takeover is not Takeover.NATIVE or has_pools(situation.active):
        return None
    if situation.active.status is None and not is_confirmed_down(situation):
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
