"""A server's wall time as a moment (pure)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

TOLERANCE = timedelta(minutes=2)
"""By so much a server's clock, which shows whole minutes, may be ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When it was."""

    at: datetime
    """Aware, in UTC."""
    is_ambiguous: bool
    """Whether the wall clock showed this time twice, so that it may have been an hour off."""


def moment_of(local: datetime, *, tz: tzinfo, not_after: datetime) -> Moment:
    """The moment that a server's clock showed as `local` (without a zone).

    Where it was shown twice, as summer time ends, the later one that is not after `not_after` is taken.
    """
    first, second = (local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    # In the hour that is left out in spring the second one is the earlier: no clock has shown it.
    if second <= first:
        return Moment(at=first, is_ambiguous=False)
    at = second if second <= not_after + TOLERANCE else first
    return Moment(at=at, is_ambiguous=True)
