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
        """Keep one more reading and let go of the old ones; of all, when the clock was set back."""
        if self._views and view.read_at < self._views[-1].read_at:
            self._views.clear()
        self._views.append(view)
        while self._views and view.read_at - self._views[0].read_at > KEPT:
            self._views.popleft()

    def between(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        """The server's traffic over readings inside [since, until]; None where they do not tell.

        They do not where there are fewer than two of them, where HAProxy does not know the server, or
        where it began to count from zero: a new worker does, and `clear counters` by hand.
        """
        inside = [view for view in self._views if since <= view.read_at <= until and view.of(server)]
        if len(inside) < 2:
            return None
        first, last = inside[0], inside[-1]
        if any(view.pid != first.pid for view in inside):
            return None
        (arrived_before, sent_before), (arrived_after, sent_after) = (
            _counts(first, server),
            _counts(last, server),
        )
        arrived, bytes_out = arrived_after - arrived_before, sent_after - sent_before
        if arrived < 0 or bytes_out < 0:
            return None
        return Traffic(arrived=arrived, bytes_out=bytes_out, since=first.read_at, until=last.read_at)


def _counts(view: BalancerView, server: str) -> tuple[int, int]:
    lines = view.of(server)
    return sum(line.sessions_total for line in lines), sum(line.bytes_out for line in lines)
