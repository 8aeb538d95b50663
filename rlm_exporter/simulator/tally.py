"""The three columns of rlmstat's statistics: since half an hour, since midnight, since the start."""

from dataclasses import dataclass
from datetime import datetime, timedelta

RECENT_SPAN = timedelta(minutes=30)
"""How long a "Recent" column runs; RLM does not document it, real output shows about half an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatRow:
    """One counted thing in its three columns."""

    label: str
    recent: int
    today: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All rows with the moments from which the columns count."""

    started: datetime
    today_since: datetime
    recent_since: datetime
    rows: tuple[StatRow, ...]


class Tally:
    """Counts by label; `now` is local time, because RLM's day ends at the server's midnight."""

    def __init__(self, labels: tuple[str, ...], *, now: datetime) -> None:
        self._counts = {label: [0, 0, 0] for label in labels}
        self._started = self._today_since = self._recent_since = now

    def add(self, label: str, *, now: datetime) -> None:
        """Count one."""
        self._roll(now)
        counts = self._counts[label]
        self._counts[label] = [count + 1 for count in counts]

    def statistics(self, *, now: datetime) -> Statistics:
        """What the columns say at `now`."""
        self._roll(now)
        rows = tuple(
            StatRow(label=label, recent=recent, today=today, total=total)
            for label, (recent, today, total) in self._counts.items()
        )
        return Statistics(
            started=self._started,
            today_since=self._today_since,
            recent_since=self._recent_since,
            rows=rows,
        )

    def _roll(self, now: datetime) -> None:
        if now - self._recent_since >= RECENT_SPAN:
            self._recent_since = now
            self._clear(0)
        if now.date() != self._today_since.date():
            self._today_since = now.replace(hour=0, minute=0, second=0, microsecond=0)
            self._clear(1)

    def _clear(self, column: int) -> None:
        for counts in self._counts.values():
            counts[column] = 0
