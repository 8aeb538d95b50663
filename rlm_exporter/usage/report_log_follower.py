"""What a report log tells while it is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_values import Event
from rlm_exporter.usage.report_log_tail import ReportLogTail


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What some lines have made known."""

    events: tuple[Event, ...]
    position: TailPosition
    """After them."""
    minutes_west: int | None
    """The server's time zone, as far as the log tells it."""
    lost: bool
    """Whether lines between these and the next may have gone unread."""


class ReportLogFollower:
    """Follows one ISV server's log at `path` over its rotations, and reads it.

    With the `position` that was kept with the events of an earlier reading, it goes on after them. Without
    one it tells the log from its beginning, or with `from_end` only what is written from now on: then
    checkins may come whose checkouts it has not seen.
    """

    def __init__(self, path: Path, *, since: TailPosition | None = None, from_end: bool = False) -> None:
        self._tail = ReportLogTail(path, since=since, from_end=from_end)
        self._reader = ReportLogReader(dated=None if since is None else since.dated)
        self._is_past = from_end
        """Whether nothing new was seen yet, and what there is shall not be told."""
        self.gaps = 0
        """How many times lines may have gone unread, because a file was cut or removed before it was read."""

    @property
    def position(self) -> TailPosition | None:
        """After the events that were told; None before there was a file."""
        return self._tail.position

    def read(self) -> Sequence[Event]:
        """What has become known since the last call, at most some seconds' work; blocks.

        Raises OSError where the log cannot be read; the next call tries again.
        """
        return [event for step in self.steps() for event in step.events]

    def steps(self) -> Iterator[Step]:
        """The same in steps, each with the place after it; what is not taken of it is lost.

        Raises OSError as `read` does.
        """
        for piece in self._tail.poll():
            if piece.is_new and self._is_past:
                self._reader.settle()
                self._is_past = False
            events = self._reader.feed(piece.data)
            if piece.ends_file:
                events += self._reader.end_file()
            self.gaps += piece.lost
            yield Step(
                events=tuple(events) if piece.is_new else (),
                position=piece.position,
                minutes_west=self._reader.minutes_west,
                lost=piece.lost,
            )

    def close(self) -> None:
        """Let go of the file."""
        self._tail.close()
