"""One file of a report log, and how far it was read."""

from pathlib import Path

from rlm_exporter.rlm.report_log_place import Course, Footprint, TailPosition, spans
from rlm_exporter.rlm.report_log_text import LONGEST_LINE
from rlm_exporter.usage.report_log_files import OpenFile

PIECE = 1024 * 1024
"""Bytes that are handed out at once."""


class Cursor:
    """The file that is read, and how far."""

    def __init__(
        self, name: Path, file: OpenFile, *, known: int = 0, left: TailPosition | None = None
    ) -> None:
        self.name = name
        self.file = file
        self.known = known
        """Up to here it was read before a restart."""
        self.left = left
        self.footprint = Footprint()
        self.course = Course()
        self.head = file.head()

    def go_on_from(self, other: "Cursor") -> None:
        """This file holds what was read of the other one."""
        self.known, self.left = other.known, other.left
        self.footprint, self.course = other.footprint, other.course

    def read(self) -> bytes:
        """The next whole lines; nothing of a line that may still grow, unless it is too long to be one."""
        offset = self.footprint.offset
        if offset < self.known:
            return self.file.read(offset, min(PIECE, self.known - offset))
        data = self.file.read(offset, PIECE)
        end = data.rfind(b"\n") + 1
        return data[:end] if end or len(data) < 4 * LONGEST_LINE else data

    def take(self, data: bytes) -> None:
        """These bytes were handed out."""
        self.footprint.take(data)
        self.course = self.course.after(data)
        if self.head.begins is None:
            self.head = self.file.head()

    def skip_to(self, offset: int) -> None:
        """Up to there it was handed out before."""
        self.footprint = Footprint.of(
            self.file.read(*spans(offset)[0]), self.file.read(*spans(offset)[1]), offset
        )
        self.known = offset

    def is_cut(self) -> bool:
        """Whether what was read of it is no longer in it."""
        mark = self.footprint
        return not self.file.holds(offset=mark.offset, first=mark.first, last=mark.last)

    def position(self) -> TailPosition:
        """Where the next byte is."""
        return TailPosition(
            name=str(self.name),
            device=self.file.identity.device,
            inode=self.file.identity.inode,
            offset=self.footprint.offset,
            first=self.footprint.first,
            last=self.footprint.last,
            begins=self.head.begins,
            dated=self.course.dated,
            left=self.left,
        )


def cursor_at(path: Path, name: Path) -> Cursor | None:
    """The beginning of that file; None where there is none."""
    try:
        file = OpenFile(path)
    except FileNotFoundError:
        return None
    try:
        return Cursor(name, file)
    except OSError:
        file.close()
        raise
