"""The files of a log before the one that is followed, read once more after a restart.

Sessions that go on in the newest file may have begun in one of these. What they tell was told before.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.usage.report_log_cursor import Cursor
from rlm_exporter.usage.report_log_search import find_again


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """Whole lines of an earlier file."""

    data: bytes
    ended: TailPosition | None
    """The place up to which that file was read, if this is the end of it."""


class FilesBehind:
    """Reads them one after the other. Those that nobody has any more are passed over."""

    def __init__(self, places: Iterable[TailPosition], *, home: Path) -> None:
        self._places = deque(place for place in places if place.offset)
        self._home = home
        self._cursor: Cursor | None = None

    def read(self) -> Behind | None:
        """The next bytes; None where all is read. Raises OSError; the next call tries again."""
        while self._places:
            cursor = self._cursor = self._cursor or self._opened(self._places[0])
            if cursor is None:
                self._places.popleft()
                continue
            data = cursor.read()
            cursor.take(data)
            if data and cursor.footprint.offset < cursor.known:
                return Behind(data=data, ended=None)
            self.close()
            return Behind(data=data, ended=self._places.popleft())
        return None

    def close(self) -> None:
        """Let go of the file that is read."""
        if self._cursor is not None:
            self._cursor.file.close()
            self._cursor = None

    def _opened(self, place: TailPosition) -> Cursor | None:
        found = find_again(place, home=self._home)
        return None if found is None else Cursor(found.name, found.file, known=place.offset)
