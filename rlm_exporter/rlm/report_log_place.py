"""Where a reader of a growing report log is, and how that place is known again (pure).

A file's number is not enough: it is given out again, and a file can be cut and grow past the place. So the
first bytes and the last ones before the place are remembered as well.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from rlm_exporter.rlm.report_log_lines import read_record
from rlm_exporter.rlm.report_log_records import Dated, Isv, Start
from rlm_exporter.rlm.report_log_text import LineSplitter

FIRST_BYTES, LAST_BYTES = 1024, 256
DEEPEST = 4
"""Places within a place: so many logs are remembered from which the server had switched."""
HEAD_BYTES = 64 * 1024
"""Where a head is looked for: START is in the first lines, a timestamp after at most half an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailPosition:
    """How far a log has been read: enough to go on after a restart, and small enough to be kept."""

    name: str
    """The path under which the server wrote; rotation may have given the file another one since."""
    device: int
    inode: int
    offset: int
    first: str
    """Of the first bytes, at most FIRST_BYTES and none beyond `offset`."""
    last: str
    """Of the LAST_BYTES before `offset`."""
    begins: datetime | None
    """The first moment that the file tells, in the server's time."""
    dated: datetime | None
    """The newest moment with a year that was read; a log that was cut begins without one."""
    left: "TailPosition | None" = None
    """Where the log was left that was switched to this one; after a restart the server may go on there."""
    earlier: tuple["TailPosition", ...] = ()
    """Up to where the files before were read in which sessions that are still out have begun."""


def cut_off(place: TailPosition | None, deepest: int = DEEPEST) -> TailPosition | None:
    """The place, with no more places in it; a log that is switched each day would make it grow for ever."""
    if place is None or not deepest:
        return None
    return replace(place, left=cut_off(place.left, deepest - 1))


class Footprint:
    """What is remembered of the bytes that were read."""

    __slots__ = ("_first", "_last", "offset")

    def __init__(self) -> None:
        self._first = b""
        self._last = b""
        self.offset = 0

    @classmethod
    def of(cls, first: bytes, last: bytes, offset: int) -> "Footprint":
        """As if all up to there had been read."""
        made = cls()
        made._first, made._last, made.offset = first, last, offset
        return made

    @property
    def first(self) -> str:
        """Of the first bytes."""
        return fingerprint(self._first)

    @property
    def last(self) -> str:
        """Of the last bytes."""
        return fingerprint(self._last)

    def take(self, data: bytes) -> None:
        """These were read next."""
        if len(self._first) < FIRST_BYTES:
            self._first += data[: FIRST_BYTES - len(self._first)]
        self._last = (self._last + data[-LAST_BYTES:])[-LAST_BYTES:]
        self.offset += len(data)


def fingerprint(data: bytes) -> str:
    """What two texts have in common only if they are equal."""
    return hashlib.sha256(data).hexdigest()[:32]


def spans(offset: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the first and the last bytes of a place are: from, and how many."""
    last = min(offset, LAST_BYTES)
    return (0, min(offset, FIRST_BYTES)), (offset - last, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """Whose log a file is, and when it begins; None is what its first bytes do not tell."""

    isv: str | None = None
    server: str | None = None
    begins: datetime | None = None

    def may_follow(self, other: "LogHead") -> bool:
        """Whether nothing says that the two are logs of different servers."""
        return _may_equal(self.isv, other.isv) and _may_equal(self.server, other.server)


def _may_equal(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def read_head(data: bytes) -> LogHead:
    """Look for it in a file's first bytes, up to the first line that has a year."""
    isv: str | None = None
    for line in LineSplitter().feed(data):
        match read_record(line):
            case Isv(name=name):
                isv = isv or name
            case Start(server=server, moment=moment):
                return LogHead(isv=isv, server=server, begins=moment)
            case Dated(moment=moment):
                return LogHead(isv=isv, begins=moment)
    return LogHead(isv=isv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that may hold what comes after the one that was read."""

    path: str
    head: LogHead
    changed_ns: int
    """When it was last written."""
    first: str
    """Of as many first bytes as are remembered of the file that was read."""


def next_log(after: Candidate, candidates: Iterable[Candidate]) -> Candidate | None:
    """Of the files that begin later, the one that begins first; those that do not say when are none."""
    later = [each for each in candidates if each.head.may_follow(after.head) and _is_later(each, after)]
    return min(later, key=_order, default=None)


def _is_later(one: Candidate, other: Candidate) -> bool:
    """Old versions write only the minute; a copy of a file begins as it does and was written later."""
    if one.head.begins is None or other.head.begins is None:
        return False
    return _order(one) > _order(other) and (one.head.begins != other.head.begins or one.first != other.first)


def _order(one: Candidate) -> tuple[datetime, int]:
    return one.head.begins or datetime.min, one.changed_ns  # noqa: DTZ901 - the server's local time


_TURNS = re.compile(
    rb"^(?:(?>(?:(START) [^ \n]++ |END )?)([0-9/]{8,10} [0-9:]{4,8})|SWITCH to ([^\r\n]++))", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where a log is in time, and where it goes on."""

    dated: datetime | None = None
    """The newest line that has a year."""
    switched_to: str | None = None
    """The file that its last lines name as the next one."""

    def after(self, data: bytes) -> "Course":
        """The same after these whole lines."""
        dated, switched_to = self.dated, self.switched_to
        for start, moment, target in _TURNS.findall(data):
            if target:
                switched_to = target.replace(b"\0", b"").decode("utf-8", "surrogateescape").rstrip(" ")
            else:
                record = read_record(moment.decode())
                dated = record.moment if isinstance(record, Dated) else dated
                switched_to = None if start else switched_to
        return Course(dated=dated, switched_to=switched_to)
