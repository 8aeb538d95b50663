"""Rules 1 to 5: whether enough is known, and whether anything may be done at all. Pure."""

from rlm_exporter.failover.reasons import Decision, Hold, Reason
from rlm_exporter.failover.signs import in_seconds, stale_after
from rlm_exporter.failover.situation import Situation


def snapshot_stale(situation: Situation) -> Decision | None:
    """The newest check of the active server is too old."""
    age = situation.snapshot.age(situation.record.active, situation.now)
    limit = stale_after(situation.cluster)
    if age is not None and age <= limit and situation.active.health.known:
        return None
    failure = situation.active.health.failure
    if age is None:
        told = "has not been checked yet"
    elif age > limit:
        told = f"was checked {in_seconds(age)} ago"
    else:
        told = f"could not be checked: {failure.detail if failure else 'no result'}"
    return Hold(
        reason=Reason.SNAPSHOT_STALE,
        detail=f"{situation.record.active} {told}; older than {in_seconds(limit)} decides nothing",
        check_now=True,
    )


def not_leader(situation: Situation) -> Decision | None:
    """Another daemon acts, or nobody knows who does."""
    if situation.lease is None or situation.lease.ours:
        return None
    return Hold(reason=Reason.NOT_LEADER, detail=situation.lease.why_not_ours)


def store_unavailable(situation: Situation) -> Decision | None:
    """The journal cannot be written."""
    if situation.store_writable:
        return None
    return Hold(reason=Reason.STORE_UNAVAILABLE, detail="the journal cannot be written")


def operation_open(situation: Situation) -> Decision | None:
    """An operation is open."""
    if not situation.operation_open:
        return None
    return Hold(reason=Reason.OPERATION_OPEN, detail="an operation is open")


def balancer_unknown(situation: Situation) -> Decision | None:
    """There are balancers, and none can be read."""
    if not situation.readings or situation.views:
        return None
    errors = "; ".join(reading.error or "no answer" for reading in situation.readings)
    return Hold(reason=Reason.BALANCER_UNKNOWN, detail=errors)
