"""What a balancer was last seen to have taken from us, as a value. Pure."""

from dataclasses import dataclass, replace
from datetime import timedelta

from rlm_exporter.haproxy.view import BalancerView, Desired

SETTLE = timedelta(seconds=5)
"""How long every other server stays held after a move.

A connection that HAProxy was retrying when the move came lands on any usable backup and rewrites the table;
this is longer than its retries of refused connections together.
"""

HELD_BACK = timedelta(seconds=2.5)
"""How long every other server stays held after a reload: longer than a front end holds connections back.

A worker that has handed its table to the next one forgets it. What it still holds back at that moment then
goes to the first server that is ready, and no command reaches that worker any more.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One state that a balancer took whole. Moments are monotonic: a clock that is set changes nothing."""

    desired: Desired
    held: frozenset[str]
    """All that we hold there, also beyond what is wanted pinned."""
    pid: int | None
    settled_at: float | None = None
    """From when on others may be released, in seconds; None = at once."""

    def is_settling(self, now: float) -> bool:
        """Whether connections from before the last steering may still be under way."""
        return self.settled_at is not None and now < self.settled_at

    def holding(self, servers: frozenset[str]) -> "Applied":
        """The same with other servers held."""
        return replace(self, held=servers)


def recognised(desired: Desired, view: BalancerView, *, now: float) -> Applied:
    """What an earlier life of ours has done there, seen by its epoch.

    Whom the balancer has active is then HAProxy's own doing, and no reason to steer. Whoever is held may be
    so because a move has just been made, so it settles once more.
    """
    return Applied(desired=desired, held=view.pinned, pid=view.pid, settled_at=now + SETTLE.total_seconds())
