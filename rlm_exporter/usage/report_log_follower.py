"""What a report log tells while it is written."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_values import Event
from rlm_exporter.usage.report_log_tail import ReportLogTail

MOST_FILES = 16
MOST_BYTES = 256 * 1024 * 1024
"""Of files before the newest, read again after a restart for sessions that have been out for so long."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _EndedFile:
    """A file that was read to its end."""

    place: TailPosition
    begun: int
    """How many sessions had begun until then."""


def _before(since: TailPosition | None) -> datetime | None:
    """A moment close to the first line that will be read; a log that was cut begins without one."""
    if since is None or not since.earlier:
        return None if since is None else since.dated
    return since.earlier[0].begins or since.earlier[0].dated


class ReportLogFollower:
    """Follows one ISV server's log at `path` over its rotations, and reads it.

    With the `position` that was kept with the events of an earlier reading, it goes on after them. Without
    one it tells the log from its beginning, or with `from_end` only what is written from now on: then
    checkins may come whose checkouts it has not seen.
    """

    def __init__(self, path: Path, *, since: TailPosition | None = None, from_end: bool = False) -> None:
        self._tail = ReportLogTail(path, since=since, from_end=from_end)
        self._reader = ReportLogReader(dated=_before(since))
        self._ended: deque[_EndedFile] = deque()
        """Files that a restart would have to read again, for the sessions that are out; oldest first."""
        self._kept = since
        """The place from before, until something new was read."""
        self._is_past = from_end
        """Whether nothing new was seen yet, and what there is shall not be told."""
        self.gaps = 0
        """How many times lines may have gone unread, because a file was cut or removed before it was read."""

    @property
    def position(self) -> TailPosition | None:
        """After the events that were told; None before there was a file."""
        position = self._tail.position
        return None if position is None else self._completed(position)

    @property
    def is_missing(self) -> bool:
        """Whether the last reading found no file: neither what was read before, nor one that is later."""
        return self._tail.is_missing

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
            if piece.is_new:
                self._begin_to_tell()
            events = self._reader.feed(piece.data)
            if piece.ends_file:
                events += self._reader.end_file()
            if piece.ended is not None:
                self._ended.append(_EndedFile(place=piece.ended, begun=self._reader.begun))
            self._forget()
            self.gaps += piece.lost
            yield Step(
                events=tuple(events) if piece.is_new else (),
                position=self._completed(piece.position),
                minutes_west=self._reader.minutes_west,
                lost=piece.lost,
            )

    def _begin_to_tell(self) -> None:
        if self._is_past:
            self._reader.settle()
        self._is_past, self._kept = False, None

    def _completed(self, position: TailPosition) -> TailPosition:
        """The place to go on from; while what was known is read again it stays as it is."""
        return self._kept or replace(position, earlier=tuple(each.place for each in self._ended))

    def _forget(self) -> None:
        """Files in which nothing began that is still out; and more than a restart should read."""
        ended = self._ended
        if not ended:
            return
        oldest = self._reader.oldest
        while ended and (oldest is None or ended[0].begun <= oldest):
            ended.popleft()
        while len(ended) > MOST_FILES or sum(each.place.offset for each in ended) > MOST_BYTES:
            ended.popleft()

    def close(self) -> None:
        """Let go of the file."""
        self._tail.close()
