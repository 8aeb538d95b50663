"""Under which line of a report a row of the usage log counts: RLM's way of names, and groups (pure)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Raw = tuple[str | None, str | None, str | None]
"""ISV, feature and who, as a row has them."""


@dataclass(slots=True, kw_only=True)
class LineNames:
    """How the line is called: of several spellings the first in order."""

    isv: str | None
    feature: str
    who: str | None


@dataclass(slots=True, kw_only=True)
class Keyring:
    """Gives each row the number of its line. All rows that tell an ISV must have been named in `isvs`."""

    isvs: Iterable[tuple[str | None, str | None]]
    """Pairs of ISV and feature: a row without an ISV belongs to the only one that has its feature."""
    feature: str | None
    """The only feature that is wanted."""
    group_of: Callable[[str | None], str] | None
    lines: list[LineNames] = field(default_factory=list)
    _numbers: dict[tuple[str, str, str | None], int] = field(default_factory=dict)
    _isv_of: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for isv, feature in self.isvs:
            if isv is not None and feature is not None:
                self._isv_of.setdefault(feature.casefold(), set()).add(isv)

    def number(self, raw: Raw) -> int | None:
        """The line's number; None for a row that is not asked for."""
        isv, feature, who = raw
        if feature is None or (self.feature is not None and feature.casefold() != self.feature.casefold()):
            return None
        isv = isv if isv is not None else self._only_isv(feature)
        if self.group_of is not None:
            who = self.group_of(who)
        key = ((isv or "").casefold(), feature.casefold(), None if who is None else who.casefold())
        number = self._numbers.setdefault(key, len(self.lines))
        if number == len(self.lines):
            self.lines.append(LineNames(isv=isv, feature=feature, who=who))
            return number
        line = self.lines[number]
        line.feature = min(line.feature, feature)
        line.who = who if line.who is None or who is None else min(line.who, who)
        return number

    def _only_isv(self, feature: str) -> str | None:
        known = {
            isv.casefold(): isv for isv in sorted(self._isv_of.get(feature.casefold(), ()), reverse=True)
        }
        return next(iter(known.values())) if len(known) == 1 else None
