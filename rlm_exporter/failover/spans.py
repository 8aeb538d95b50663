"""How long something lasts or has lasted, on a clock that people and NTP set. Pure.

A moment written before the clock was set tells no span by itself. Spans inside one life of ours count from
when the clock was last set; stored ends are believed only as far as they can be true.
"""

from datetime import datetime, timedelta

from rlm_exporter.manifest.model import FailoverPolicy
from rlm_exporter.store.records import ClusterRecord

JUMP = timedelta(seconds=2)
"""A difference between the two clocks' steps from which on the wall clock counts as set."""


def lasted(since: datetime, now: datetime, *, steady_since: datetime | None) -> timedelta:
    """How long something has lasted for sure."""
    if steady_since is not None and not steady_since <= since <= now:
        since = steady_since
    return max(now - since, timedelta())


def cooldown_left(record: ClusterRecord, policy: FailoverPolicy, now: datetime) -> timedelta:
    """How long the cooldown still runs; 0 when it does not.

    An end further away than a whole cooldown was written by another clock, and holds nothing.
    """
    if record.cooldown_until is None:
        return timedelta()
    left = record.cooldown_until - now
    return left if timedelta() < left <= policy.cooldown else timedelta()


def wait_left(ended: datetime | None, wait: timedelta, now: datetime) -> timedelta:
    """How much of a wait that began at a stored moment is left; nothing where that lies ahead of us."""
    if ended is None or ended > now:
        return timedelta()
    return max(wait - (now - ended), timedelta())
