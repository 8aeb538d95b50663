"""Who is served by a server that is not the active one. Pure.

Two servers that serve one license break the vendor's contract, whatever the balancer says: a client may go
around it, or a connection may have slipped through. What a server itself lists is the surest sign. Sessions
that began before the move are no split: they end as they began.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.status import Checkout, RlmStatus
from rlm_exporter.rlm.usage_time import when

_MINUTE = timedelta(minutes=1)

Session = tuple[str, ...]
"""What tells one usage line from another: handles begin anew with their ISV server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One server that serves beside the active one, and how that is known."""

    server: str
    checkouts: tuple[Checkout, ...] = ()
    """Those that began there after clients were sent elsewhere."""
    arrived: int = 0
    """Connections that a balancer has sent there lately."""

    @property
    def detail(self) -> str:
        """In words, with the first session."""
        told = []
        if self.checkouts:
            first = self.checkouts[0]
            told.append(
                f"{len(self.checkouts)} checkouts began there after the move, the first of {first.product} "
                f"by {first.user}@{first.host} at {first.at}"
            )
        if self.arrived:
            told.append(f"{self.arrived} connections reached it through a balancer in the last minute")
        return f"{self.server} serves beside the active server: " + "; ".join(told)


def session_of(checkout: Checkout) -> Session:
    """The identity of one usage line."""
    return (
        checkout.isv or "",
        checkout.product,
        checkout.user,
        checkout.host,
        checkout.handle,
        checkout.at,
    )


def sessions_from_before(
    part: ServerSnapshot, *, server: Server, active_since: datetime
) -> frozenset[Session]:
    """The sessions of a first look that may have begun before the move.

    Usage lines are exact to the minute, so those of the minute of the move count as before. The server's
    clock is its own: the answer's own moment tells by how much it differs from ours.
    """
    status, checked_at = part.status, part.checked_at
    if status is None or checked_at is None:
        return frozenset()
    zone = server.zone
    skew = _skew(status, checked_at, zone)
    limit = active_since.replace(second=0, microsecond=0) + _MINUTE
    before = set()
    for checkout in status.checkouts:
        began = when(checkout.at, dated=status.dated, now=checked_at, tz=zone)
        if began is None or began.moment - skew < limit:
            before.add(session_of(checkout))
    return frozenset(before)


def checkouts_beside(
    part: ServerSnapshot, *, known: frozenset[Session], cluster: Cluster
) -> tuple[Checkout, ...]:
    """The sessions of wanted ISV servers that are not among the known ones."""
    if part.status is None:
        return ()
    wanted = {isv.casefold() for isv in cluster.wanted_isvs}
    return tuple(
        checkout
        for checkout in part.status.checkouts
        if _is_wanted(checkout, wanted) and session_of(checkout) not in known
    )


def _is_wanted(checkout: Checkout, wanted: Iterable[str]) -> bool:
    return not wanted or checkout.isv is None or checkout.isv.casefold() in wanted


def _skew(status: RlmStatus, checked_at: datetime, zone: tzinfo) -> timedelta:
    """How far the server's clock is ahead of ours, where its answer tells its own moment.

    A time zone that is missing from the manifest shows as such a difference too, and is made good by it.
    """
    if not status.dated or status.server is None or status.server.uptime_seconds is None:
        return timedelta()
    return max(status.dated).replace(tzinfo=zone) - checked_at
