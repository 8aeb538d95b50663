"""What the balancers saw a server do between two moments, from their own counters."""

from collections import deque
from datetime import datetime, timedelta

from rlm_exporter.haproxy.view import BalancerView, Traffic

KEPT = timedelta(minutes=3)
"""How far back readings are kept; longer than any check with its retries at default settings."""

COUNT_LAG = timedelta(seconds=5)
"""With `option contstats` a byte is counted at most this long after it was sent."""


class TrafficLog:
    """Recent readings of one balancer, in order of time. Not for the wall clock: `read_at` is given."""

    def __init__(self) -> None:
        self._views: deque[BalancerView] = deque()

    def add(self, view: BalancerView) -> None:
        """Keep one more reading and let go of the old ones."""
        self._views.append(view)
        while self._views and view.read_at - self._views[0].read_at > KEPT:
            self._views.popleft()

    def between(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        """The server's traffic over readings inside [since, until]; None where they do not tell.

        They do not where there are fewer than two of them, or where the worker changed in between,
        because a new worker counts from zero.
        """
        inside = [view for view in self._views if since <= view.read_at <= until]
        if len(inside) < 2:
            return None
        first, last = inside[0], inside[-1]
        if any(view.pid != first.pid for view in inside):
            return None
        return Traffic(
            arrived=_sum(last, server, "sessions_total") - _sum(first, server, "sessions_total"),
            bytes_out=_sum(last, server, "bytes_out") - _sum(first, server, "bytes_out"),
            since=first.read_at,
            until=last.read_at,
        )


def _sum(view: BalancerView, server: str, field: str) -> int:
    return sum(int(getattr(line, field)) for line in view.of(server))
