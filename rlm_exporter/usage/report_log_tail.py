"""Follows a report log that grows, is renamed, copied and cut, overwritten, or switched to another file.

Every byte is handed out once, and with the place after it. Whoever keeps that place together with what was
found in the bytes neither loses nor doubles a record when it starts again. Only what nobody can read any more
is lost, and then it is said.

A file is read to its end, and once more a poll later, before the next one is begun: the server may write its
last lines after the next file is there.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from rlm_exporter.rlm.report_log_place import Course, TailPosition, cut_off
from rlm_exporter.usage.report_log_behind import FilesBehind
from rlm_exporter.usage.report_log_cursor import PIECE, Cursor, cursor_at
from rlm_exporter.usage.report_log_files import Identity
from rlm_exporter.usage.report_log_search import Found, find_again, find_copy, find_next

_AT_ONCE = 8 * PIECE
"""What one poll hands out at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Whole lines, in the order in which they were written."""

    data: bytes
    position: TailPosition
    """After them."""
    is_new: bool = True
    """False for what was read before a restart and only tells what is out."""
    ends_file: bool = False
    """Whether the next piece is of another file."""
    lost: bool = False
    """Whether lines between this piece and the next may have gone unread."""
    ended: TailPosition | None = None
    """Up to where the file was read that this piece ends, where it can be found again."""


class ReportLogTail:
    """Follows the log that a server writes at `path`; `since` is the place kept from an earlier run.

    After a restart the file is read from its beginning once more, up to that place, for what it tells of
    seats that are out; those pieces are not new. With `from_end` neither is what the first look finds there,
    and of that only the end is read, which tells the date. Not for several threads at once. Reading blocks:
    in a daemon it belongs into a thread. Raises OSError.
    """

    def __init__(self, path: Path, *, since: TailPosition | None = None, from_end: bool = False) -> None:
        self._home = path
        self._since = since
        self._from_end = from_end
        self._log: Cursor | None = None
        self._behind = FilesBehind((), home=path)
        self._parted: Cursor | None = None
        """What was followed before the file was let go."""
        self._waited: Identity | None = None
        """The next file, if it was there already when the last poll found nothing more."""

    @property
    def position(self) -> TailPosition | None:
        """Where the next poll goes on; None before there was a file."""
        return self._since if self._log is None else self._log.position()

    @property
    def is_missing(self) -> bool:
        """Whether the last poll found no file to go on with."""
        return self._log is None

    def close(self) -> None:
        """Let go of the file; polling again goes on from there."""
        self._behind.close()
        self._part()

    def _part(self) -> None:
        if self._log is not None:
            self._since, self._parted = self._log.position(), self._log
            self._log.file.close()
            self._log = None

    def poll(self) -> list[Piece]:
        """What was written since the last time, or as much of it as one poll takes; nothing if nothing was.

        Raises OSError for a log that is there and cannot be read; the next poll tries again.
        """
        pieces: list[Piece] = []
        taken = 0
        try:
            pieces += self._open()
            while taken < _AT_ONCE:
                found = self._read_behind() or self._read_on() or self._move_on()
                if not found:
                    break
                pieces += found
                taken += sum(len(piece.data) for piece in found)
        except FileNotFoundError:
            pass  # rotation has just taken it away; the next poll finds it under another name
        except OSError:
            self._part()
            if not pieces:
                raise
        return pieces

    def _open(self) -> list[Piece]:
        if self._log is not None:
            return []
        if self._since is None:
            self._log = cursor_at(self._home, self._home)
            if self._log is not None and self._from_end:
                size = self._log.file.size()
                self._log.skip_to(max(size - PIECE, 0))
                self._log.known = size
            self._from_end = False
            return []
        again = find_again(self._since, home=self._home)
        if again is None:
            return self._open_later(self._since)
        self._log = Cursor(again.name, again.file, known=self._since.offset, left=self._since.left)
        self._log.course = Course(dated=self._since.dated)
        if self._parted is not None:
            self._log.go_on_from(self._parted)
        else:
            known = self._since.device, self._since.inode
            earlier = (each for each in self._since.earlier if (each.device, each.inode) != known)
            self._behind = FilesBehind(earlier, home=self._home)
        return []

    def _open_later(self, since: TailPosition) -> list[Piece]:
        """What was read is gone; go on with the first file that is later."""
        found = find_next(since, None, home=self._home, switched_to=None)
        self._log = None if found is None else cursor_at(found.path, found.name)
        if self._log is None:
            return []
        self._log.course = Course(dated=since.dated)
        self._parted = None
        return [Piece(data=b"", position=self._log.position(), ends_file=True, lost=True)]

    def _read_behind(self) -> list[Piece]:
        found = None if self._log is None else self._behind.read()
        if found is None or self._log is None:
            return []
        position, ends = self._log.position(), found.ended is not None
        return [Piece(data=found.data, position=position, is_new=False, ends_file=ends, ended=found.ended)]

    def _read_on(self) -> list[Piece]:
        log = self._log
        if log is None:
            return []
        data = log.read()
        if log.is_cut():
            copy = find_copy(log.position())
            if copy is None:
                return [self._begin_again(log)]
            log.file.close()
            self._log = Cursor(log.name, copy)
            self._log.go_on_from(log)
            log, data = self._log, self._log.read()
        if not data:
            return []
        is_new = log.footprint.offset >= log.known
        log.take(data)
        self._waited = None
        return [Piece(data=data, position=log.position(), is_new=is_new)]

    def _begin_again(self, log: Cursor) -> Piece:
        """The file was cut or overwritten, and nobody has what it held."""
        self._log = Cursor(log.name, log.file)
        self._log.course = Course(dated=log.course.dated)
        return Piece(data=b"", position=self._log.position(), ends_file=True, lost=True)

    def _move_on(self) -> list[Piece]:
        """At the end of a file: to the next one, once the server has had time to end this one."""
        log = self._log
        if log is None:
            return []
        found = find_next(log.position(), log.file, home=self._home, switched_to=log.course.switched_to)
        following = None if found is None else cursor_at(found.path, found.name)
        if found is None or following is None:
            return []
        if self._is_the_same(log, following):
            return []
        if not found.is_old and self._waited != following.file.identity:
            self._waited = following.file.identity
            following.file.close()
            return []
        return [self._leave(log, found, following)]

    def _is_the_same(self, log: Cursor, other: Cursor) -> bool:
        """Somebody has put a copy in the file's place; go on in it."""
        mark = log.footprint
        if other.name != log.name or not mark.offset:
            return False
        if not other.file.holds(offset=mark.offset, first=mark.first, last=mark.last):
            return False
        other.go_on_from(log)
        log.file.close()
        self._log = other
        return True

    def _leave(self, log: Cursor, found: Found, following: Cursor) -> Piece:
        """A last line that nothing ended is handed out: nothing will end it any more."""
        rest = log.file.read(log.footprint.offset, PIECE)
        log.take(rest)
        following.course = Course(dated=log.course.dated)
        ended = log.position()
        if found.offset:
            following.skip_to(found.offset)
        elif log.course.switched_to is not None and not found.is_old:
            following.left = cut_off(ended)
        log.file.close()
        self._log, self._waited = following, None
        return Piece(
            data=rest, position=following.position(), ends_file=True, ended=replace(ended, left=None)
        )
