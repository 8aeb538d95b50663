"""What pictures of a feature show, as numbers (pure)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rlm_exporter.cli.usage_answers import HourView, ShareView

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """For how much of the time so many seats were in use, none to the most, in percent."""

    in_use: tuple[int, ...]
    exactly: tuple[float, ...]
    at_least: tuple[float, ...]


def by_hour_and_weekday(hours: Iterable[HourView]) -> tuple[tuple[float | None, ...], ...]:
    """Seven days of 24 hours: the mean of the averages in use; None where the time has no such hour."""
    found: list[list[list[float]]] = [[[] for _ in range(24)] for _ in WEEKDAYS]
    for hour in hours:
        found[hour.at.weekday()][hour.at.hour].append(hour.average)
    return tuple(tuple(sum(each) / len(each) if each else None for each in day) for day in found)


def all_shares(shares: Sequence[ShareView]) -> Shares:
    """With the numbers in between that never were."""
    known = {each.in_use: 100 * each.share for each in shares}
    in_use = tuple(range(max(known, default=0) + 1))
    exactly = tuple(known.get(number, 0.0) for number in in_use)
    at_least, left = [], sum(exactly)
    for part in exactly:
        at_least.append(left)
        left -= part
    return Shares(in_use=in_use, exactly=exactly, at_least=tuple(at_least))


def ceiling(hours: Sequence[HourView]) -> int | None:
    """The seats that there were last."""
    return hours[-1].seats if hours else None


def whole_days(hours: Sequence[HourView]) -> float:
    """How long it is from the first to the last hour, in days."""
    return (hours[-1].at - hours[0].at) / timedelta(days=1) if hours else 0.0


def file_names(features: Sequence[tuple[str | None, str]]) -> tuple[str, ...]:
    """How the files of each (ISV, feature) begin: safe for every file system, and no two alike."""
    names: list[str] = []
    taken: set[str] = set()
    for isv, feature in features:
        plain = _plain(feature) or "feature"
        candidates = [plain, f"{_plain(isv or '') or 'unknown'}-{plain}"]
        candidates += [f"{plain}-{number}" for number in range(2, len(features) + 2)]
        # Some file systems take names that differ in case for one.
        name = next(each for each in candidates if each.casefold() not in taken)
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _plain(name: str) -> str:
    return _NOT_IN_A_NAME.sub("_", name).strip("._")
