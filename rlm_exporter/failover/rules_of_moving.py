"""Rules 16 to 20, and failback: whether there is somebody to move to, and whether it is time to. Pure."""

from datetime import timedelta

from rlm_exporter.failover.candidates import candidates, has_pools, is_pinned, preferred
from rlm_exporter.failover.external import is_accused
from rlm_exporter.failover.reasons import Decision, Hold, Move, Reason
from rlm_exporter.failover.signs import in_seconds, what_failed
from rlm_exporter.failover.situation import Situation
from rlm_exporter.failover.spans import wait_left
from rlm_exporter.failover.window import is_open
from rlm_exporter.manifest.model import Failback

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=15)

CHASE_WINDOW = timedelta(hours=1)
CHASE_LIMIT = 3


def failback_due(situation: Situation) -> Decision | None:
    """The time for an automatic failback has come."""
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
    if is_accused(situation.reports, server=home, now=now) or chasing(situation) is not None:
        # In a chase nobody might save the clients from there again.
        return None
    if not is_open(cluster.failback_window, now) or last_attempt_failed(situation) is not None:
        return None
    return Move(
        reason=Reason.FAILBACK_DUE,
        candidate=home,
        detail=f"{home} is preferred and has been good since {good_since:%Y-%m-%d %H:%M:%S} UTC",
    )


def no_candidate(situation: Situation) -> Decision | None:
    """Nobody else is healthy."""
    if candidates(situation):
        return None
    return Hold(reason=Reason.NO_CANDIDATE, detail=f"{what_failed(situation)}; no other server is healthy")


def only_pinned_left(situation: Situation) -> Decision | None:
    """The only healthy one is pinned by us."""
    usable = candidates(situation)
    if not usable or not all(is_pinned(situation, server) for server in usable):
        return None
    # No cooldown holds this, but a fence that fails each time must not make an operation at each look.
    return last_attempt_failed(situation) or Move(
        reason=Reason.ONLY_PINNED_LEFT,
        candidate=usable[0],
        detail=f"{what_failed(situation)}; {usable[0]} is pinned, and the only one left",
    )


def in_cooldown(situation: Situation) -> Decision | None:
    """The cooldown runs."""
    left = situation.cooldown_left
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.IN_COOLDOWN,
        detail=f"{what_failed(situation)}; the cooldown runs for {in_seconds(left)} more",
    )


def last_attempt_failed(situation: Situation) -> Decision | None:
    """The last operation of this incident failed a moment ago."""
    attempts = situation.attempts
    if attempts is None or attempts.count == 0 or attempts.last_ended_at is None:
        return None
    left = wait_left(attempts.last_ended_at, retry_after(attempts.count), situation.now)
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.LAST_ATTEMPT_FAILED,
        detail=f"{attempts.count} operations of this incident failed; the next in {in_seconds(left)}",
    )


def just_failed(situation: Situation) -> Hold | None:
    """What only follows is not held for long, but one that fails must not be tried again at each look."""
    attempts = situation.attempts
    if attempts is None:
        return None
    left = wait_left(attempts.last_ended_at, FIRST_RETRY, situation.now)
    if left <= timedelta():
        return None
    return Hold(
        reason=Reason.LAST_ATTEMPT_FAILED,
        detail=f"an operation of this incident has just failed; the next in {in_seconds(left)}",
    )


def retry_after(failed: int) -> timedelta:
    """How long to wait after so many failed operations in a row: 30 s, doubling to 15 min."""
    return min(FIRST_RETRY * (1 << min(failed - 1, 10)), LONGEST_RETRY)


def chasing(situation: Situation) -> Decision | None:
    """There were too many moves."""
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
