"""Which licenses that end have their renewal in the files already (pure).

A renewal begins when the old one ends: `start=` is what tells it from further seats that end later. Two lines
that are both good today are two lots of seats, and the end of one is a loss.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from rlm_exporter.probe.license_reading import PlacedLicense

EARLY = timedelta(days=60)
"""A renewal may begin so long before the end of what it renews."""
LATE = timedelta(days=1)
"""Or so long after: with the next day nobody is without."""
_NUMBERS = re.compile(r"\d{1,9}(\.\d{1,9})*")


def renewals(licenses: Iterable[PlacedLicense]) -> Mapping[str, PlacedLicense]:
    """The renewal of each license that has one, by the place of the old one; each renews one."""
    groups: dict[tuple[str, str], list[PlacedLicense]] = {}
    for each in licenses:
        groups.setdefault((each.isv.casefold(), each.product.casefold()), []).append(each)
    found: dict[str, PlacedLicense] = {}
    for group in groups.values():
        found |= _renewals_among(group)
    return found


def _renewals_among(group: list[PlacedLicense]) -> dict[str, PlacedLicense]:
    ending = sorted(
        ((each.expires, each) for each in group if isinstance(each.expires, date)),
        key=lambda pair: (pair[0], pair[1].place),
    )
    free = sorted(
        ((each.start, each) for each in group if each.start is not None),
        key=lambda pair: (pair[0], pair[1].place),
    )
    found: dict[str, PlacedLicense] = {}
    for last_day, old in ending:
        for start, new in free:
            if _renews(new, start, old, last_day):
                found[old.place] = new
                free.remove((start, new))
                break
    return found


def _renews(new: PlacedLicense, start: date, old: PlacedLicense, last_day: date) -> bool:
    ends_later = not isinstance(new.expires, date) or new.expires > last_day
    return (
        new is not old
        and new.expires is not None
        and ends_later
        and last_day - EARLY <= start <= last_day + LATE
        and (old.start is None or start > old.start)
        and _as_many(new.count, old.count)
        and _as_new(new.version, old.version)
    )


def _as_many(new: int | None, old: int | None) -> bool:
    """Seats; what is not counted is only renewed by what is not counted either."""
    if new is None or old is None:
        return new is old
    return new >= old


def _as_new(new: str, old: str) -> bool:
    """A client that is served by the old version must be served by the new one."""
    if new.casefold() == old.casefold():
        return True
    if not _NUMBERS.fullmatch(new) or not _NUMBERS.fullmatch(old):
        return False
    return _parts(new) >= _parts(old)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
