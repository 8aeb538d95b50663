"""Which licenses that end have their renewal in the files already (pure).

A renewal takes the place of the old license for the same clients: it begins in the last days of that one, or
with the day after. Two licenses that are both good for long are two lots of seats, and the end of one is a
loss; many vendors write the day of issue into `start=`. In doubt there is no renewal: an alert too many can
be silenced, and a missed end is helped by no failover.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rlm_exporter.probe.license_reading import PlacedLicense

OVERLAP = 7
"""Days at the end of the old one in which its renewal may begin."""
LATE = 1
"""Days after it: with the next day nobody is without."""
_NUMBERS = re.compile(r"\d{1,9}(\.\d{1,9})*")


@dataclass(slots=True)
class _New:
    """A license that begins some day, and how many of its seats renew nothing yet; None = not counted."""

    starts: int
    license: PlacedLicense
    free: int | None


def renewals(licenses: Iterable[PlacedLicense]) -> Mapping[str, PlacedLicense]:
    """The renewal of each license that has one, by the place of the old one; of several the first."""
    groups: dict[tuple[object, ...], list[PlacedLicense]] = {}
    for each in licenses:
        if not each.is_upgrade:  # which turns seats into others and has none of its own
            kind = (each.isv.casefold(), each.product.casefold(), each.kind, each.conditions)
            groups.setdefault(kind, []).append(each)
    found: dict[str, PlacedLicense] = {}
    for group in groups.values():
        found |= _among(group)
    return found


def _among(group: Sequence[PlacedLicense]) -> dict[str, PlacedLicense]:
    news = sorted(
        (
            _New(starts=each.start.toordinal(), license=each, free=each.count)
            for each in group
            if each.start is not None and each.expires is not None
        ),
        key=lambda new: new.starts,
    )
    if not news:
        return {}
    found: dict[str, PlacedLicense] = {}
    ending = ((each.expires, each) for each in group if isinstance(each.expires, date))
    for last_day, old in sorted(ending, key=lambda pair: (pair[0], -(pair[1].count or 0))):
        end = last_day.toordinal()
        first = bisect_left(news, end - OVERLAP, key=lambda new: new.starts)
        last = bisect_left(news, end + LATE + 1, key=lambda new: new.starts)
        taken = _enough(news[first:last], old, last_day)
        if taken:
            _take(taken, old.count)
            found[old.place] = taken[0].license
            news = [new for new in news if new.free != 0]
    return found


def _fits(new: PlacedLicense, old: PlacedLicense, last_day: date) -> bool:
    ends_later = not isinstance(new.expires, date) or new.expires > last_day
    begins_later = old.start is None or (new.start is not None and new.start > old.start)
    return new is not old and ends_later and begins_later and _as_new(new.version, old.version)


def _enough(news: Iterable[_New], old: PlacedLicense, last_day: date) -> list[_New]:
    """The first that have the old one's seats together; none where they have fewer."""
    found: list[_New] = []
    seats = old.count
    for new in news:
        if not _fits(new.license, old, last_day):
            continue
        found.append(new)
        if seats is None:
            return found
        seats -= new.free or 0
        if seats <= 0:
            return found
    return []


def _take(news: Iterable[_New], seats: int | None) -> None:
    for new in news:
        if seats is not None and new.free is not None:
            taken = min(new.free, seats)
            new.free -= taken
            seats -= taken


def _as_new(new: str, old: str) -> bool:
    """A client that is served by the old version must be served by the new one."""
    if new.casefold() == old.casefold():
        return True
    if not _NUMBERS.fullmatch(new) or not _NUMBERS.fullmatch(old):
        return False
    return _parts(new) >= _parts(old)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
