"""Finds the denials in a report log that grows, from now on: what stood in it before is history.

A denial's line is enough to count it. So nothing has to wait for the next line that tells the year, as a
reader of whole sessions must, and nothing has to be remembered of who holds what.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from rlm_exporter.rlm.report_log_lines import is_whole, read_record
from rlm_exporter.rlm.report_log_records import Deny
from rlm_exporter.rlm.report_log_text import LONGEST_LINE, LineSplitter
from rlm_exporter.usage.ports import Followed
from rlm_exporter.usage.report_log_tail import Piece, ReportLogTail

_WORD = "DENY "
_ABSENT_FOR = 10
"""Readings in a row without a file; a rotation takes it away for a moment."""


class DenialFollower:
    """Follows the log that a server writes at `path`. Not for several threads at once; reading blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tail = ReportLogTail(path, from_end=True)
        self._lines = LineSplitter()
        self._absent = 0

    def read(self) -> Followed:
        """What was written since the last call, or a part of it. Raises OSError."""
        if self._tail.position is None:
            # Not to poll yet: what appears later may be yesterday's, on a file system that is mounted late.
            self._path.stat()
        pieces = self._tail.poll()
        denials = tuple(denial for piece in pieces for denial in self._denials(piece))
        if not pieces:
            self._check_presence()
        return Followed(denials=denials, lost=any(piece.lost for piece in pieces), more=bool(pieces))

    def close(self) -> None:
        """Let go of the file."""
        self._tail.close()

    def _check_presence(self) -> None:
        position = self._tail.position
        name = self._path if position is None else Path(position.name)
        self._absent = 0 if name.exists() else self._absent + 1
        if self._absent >= _ABSENT_FOR:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(name))

    def _denials(self, piece: Piece) -> tuple[Deny, ...]:
        """Those whose lines end in what is new."""
        lines = self._lines.feed(piece.data)
        if piece.ends_file:
            last = self._lines.end()
            lines += [last] if last is not None and _is_whole(last) else []
        return tuple(_denials(lines)) if piece.is_new else ()


def _denials(lines: Iterable[str]) -> Iterator[Deny]:
    for line in lines:
        if line.startswith(_WORD) and len(line) <= LONGEST_LINE:
            record = read_record(line)
            if isinstance(record, Deny):
                yield record


def _is_whole(line: str) -> bool:
    return is_whole(read_record(line), line, detailed=False)
