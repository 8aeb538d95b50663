"""What is asked of a drill's move, and what speaks against it now. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.drill.ports import Standing
from rlm_exporter.drill.result import Finding
from rlm_exporter.drill.window import NEEDED, Window

THERE, BACK = "drill: to a standby", "drill: return"
"""The reasons in the daemon's journal, by which another drill sees that this one is not over."""

FENCES = (
    "its manifest has a fence, which stops the server that clients leave: the active one, and on the return "
    "the standby; leave the fence out for the drill, or say --with-fence and start each server again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What was asked for."""

    to: str | None = None
    """None = the best standby."""
    stay: timedelta
    window: Window | None = None
    with_fence: bool = False
    """Whether servers may be stopped for it."""


def refusal(
    standing: Standing, findings: tuple[Finding, ...], trip: Trip, *, fences: bool, now: datetime
) -> str | None:
    """Why clients are not moved now; None where they may be (pure). `fences` = each move runs a fence."""
    if fences and not trip.with_fence:
        return FENCES
    if (shut := _shut(trip, now)) is not None:
        return shut
    failed = [finding.name for finding in findings if not finding.passed]
    if failed:
        return f"not everything is well before it: {', '.join(failed)}"
    if not standing.ready:
        return f"the cluster is not ready: {'; '.join(standing.because) or 'the daemon says so'}"
    if standing.held:
        return "; ".join(standing.held)
    if standing.active is None:
        return "nobody is known to be active"
    if trip.to == standing.active:
        return f"{trip.to} is active already"
    if trip.to is not None and trip.to not in standing.standbys:
        return f"{trip.to} is no healthy standby; those are {', '.join(standing.standbys) or 'none'}"
    return None if standing.standbys else "no standby is healthy"


def _shut(trip: Trip, now: datetime) -> str | None:
    window, needed = trip.window, NEEDED + trip.stay
    if window is None or (remaining := window.remaining(now)) >= needed:
        return None
    closes = f"closes in {remaining.total_seconds():.0f} s" if remaining else "is closed"
    return (
        f"the window {window} {closes}; a move, the stay and the return need {needed.total_seconds():.0f} s"
    )
