"""Reads what `rlmutil rlmstat -a` prints.

Line by line: a heading (`… status on HOST (port N)`) says which section follows and whose it is, a
line is then read by its section. Pools and usage lines are known by their shape as well, so they are
read where headings are missing. What an answer is worth is judged by its text alone: rlmutil's exit
status is undocumented. Every expression here is anchored and cannot backtrack, so time is linear.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, auto

from rlm_exporter.rlm.status import (
    Checkout,
    ErrorKind,
    IsvCounters,
    IsvServer,
    Permanent,
    Pool,
    ReadWarning,
    RlmServer,
    RlmStatus,
)

_WHERE = re.compile(r"(\S*) \(port ([0-9]+)\)(?:, up (.*))?")
"""What follows `status on` in a heading."""
_POOL = re.compile(r"(\S+) v([^\s,:]+)(?:, pool: ([0-9]+))?")
_USAGE = re.compile(
    r"(\S+) v([^\s:]+): (.*?) ([0-9]+)/([0-9]+) at ([0-9]+/[0-9]+ [0-9]+:[0-9]{2})"
    r"(?: *\(handle: ([0-9A-Fa-f]+)\))?(?: *\[I:.*\])?"
)
_OLD_WHO = re.compile(r"(\S*)\(v[^)]*\) \(([0-9A-Fa-f]+)\)")
"""`tom@sun1(v1.0) (809f418)`: the requested version and the handle stand before the seats."""
_EXPIRY = re.compile(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}|0)")
_UPTIME = re.compile(r"(?:([0-9]{1,7})d )?([0-9]{1,7}):([0-9]{2}):([0-9]{2})")
_ISV_ROW = re.compile(r"(\S+)\s+([0-9]+)\s+(Yes|No)\s+([0-9]+)", re.IGNORECASE)
_VERSION = re.compile(r"rlm software version v(\S+)")
_BANNER = re.compile(r"rlm(?:util|stat) v\S+|Setting license file path to .*")

_WHOLE = (
    re.compile(r"count: .*, exp: (?:permanent|[0-9]+-[A-Za-z]{3}-(?:[0-9]{4}|0))", re.IGNORECASE),
    re.compile(r"obsolete: .*, total checkouts: [0-9]+", re.IGNORECASE),
    re.compile(r"UNCOUNTED, inuse: [0-9]+(?:, .*)?|Token-based license", re.IGNORECASE),
    _USAGE,
    _ISV_ROW,
)
"""Lines, beside headings, that may end an answer without a line feed and still be whole."""

_NO_CONNECTION = (
    'error connecting to "',
    "communications error with license server",
    "connection refused at server",
    "read error from network",
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_LONGEST_WARNING = 200


class _Section(Enum):
    PREAMBLE = auto()
    RLM = auto()
    ISV_TABLE = auto()
    ISV = auto()
    POOLS = auto()
    USAGE = auto()


_HEADINGS = (
    (" ISV server", _Section.ISV),
    (" license pool", _Section.POOLS),
    (" license usage", _Section.USAGE),
)


def parse_rlmstat(data: bytes | str) -> RlmStatus:
    """One server's answer, from rlmutil's output; takes any input and never raises."""
    reader = _Reader()
    lines = _text(data).split("\n")
    unterminated = lines.pop().strip()
    for number, line in enumerate(lines, 1):
        reader.read(number, line.strip())
    if unterminated:
        reader.read_last(len(lines) + 1, unterminated)
    return reader.status()


def _text(data: bytes | str) -> str:
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return text.removeprefix("\ufeff").replace("\xa0", " ")


@dataclass(slots=True, kw_only=True)
class _Head:
    """A pool's first line, waiting for its numbers."""

    line: int
    product: str
    version: str
    pool: int | None


class _Reader:
    """The state between lines: the section, whose it is, and the pool that is not whole yet."""

    def __init__(self) -> None:
        self._section = _Section.PREAMBLE
        self._isv: str | None = None
        self._head: _Head | None = None
        self._open_pool = False
        self._blank = True
        self._banner = False
        self._refused = False
        self._cut = False
        self._server: RlmServer | None = None
        self._table: list[IsvServer] = []
        self._headed: dict[str, IsvServer] = {}
        self._counters: dict[str, IsvCounters] = {}
        self._pools: list[Pool] = []
        self._checkouts: list[Checkout] = []
        self._warnings: list[ReadWarning] = []
        self._readers: dict[_Section, Callable[[int, str], None]] = {
            _Section.PREAMBLE: self._preamble_line,
            _Section.RLM: self._rlm_line,
            _Section.ISV_TABLE: self._isv_row,
            _Section.ISV: self._isv_line,
            _Section.POOLS: self._pool_line,
            _Section.USAGE: self._usage_line,
        }

    def read(self, number: int, line: str) -> None:
        """Take one line, stripped; `number` counts from 1."""
        if not line:
            return
        self._blank = False
        if line.startswith("---"):
            self._separator(line)
        elif " status on " in line and self._heading(number, line):
            return
        elif line.startswith("Error ") and self._section is not _Section.PREAMBLE:
            self._warn(number, line)
        else:
            self._readers[self._section](number, line)

    def read_last(self, number: int, line: str) -> None:
        """Take a last line that no line feed ends: where it stops inside a value, drop its record."""
        if _is_whole(line):
            self.read(number, line)
            return
        self._blank = False
        self._cut = True
        self._head = None
        if self._section is _Section.PREAMBLE:
            self._remark(line)
        if self._open_pool and "obsolete: ".startswith(line[:10].lower()):
            self._pools.pop()

    def status(self) -> RlmStatus:
        """What has been read."""
        if self._head is not None and self._section is _Section.POOLS:
            self._cut = True
        heard = self._server or self._table or self._headed or self._pools or self._checkouts
        return RlmStatus(
            reachable=bool(heard),
            error_kind=self._error_kind(reachable=bool(heard)),
            server=self._server,
            isvs=tuple(self._table) or tuple(self._headed.values()),
            counters=tuple(self._counters.values()),
            pools=tuple(self._pools),
            checkouts=tuple(self._checkouts),
            warnings=tuple(self._warnings),
        )

    def _error_kind(self, *, reachable: bool) -> ErrorKind | None:
        if reachable:
            return ErrorKind.TRUNCATED if self._cut else None
        if self._blank:
            return ErrorKind.EMPTY
        if self._refused:
            return ErrorKind.CONNECT
        if self._banner:
            # rlmutil leaves servers that do not answer out of its output.
            return ErrorKind.TRUNCATED if self._cut else ErrorKind.CONNECT
        return ErrorKind.GARBAGE

    def _warn(self, number: int, line: str) -> None:
        self._warnings.append(ReadWarning(line=number, text=line[:_LONGEST_WARNING]))

    def _close_pool(self) -> None:
        if self._head is not None and self._section is _Section.POOLS:
            self._warn(self._head.line, f"pool {self._head.product} has no counts")
        self._head = None
        self._open_pool = False

    def _separator(self, line: str) -> None:
        self._close_pool()
        if "ISV servers" in line:
            self._section = _Section.ISV_TABLE

    def _heading(self, number: int, line: str) -> bool:
        whose, _, where = line.partition(" status on ")
        found = _WHERE.fullmatch(where)
        if found is None:
            return False
        host, port, uptime = found.groups()
        if whose == "rlm":
            self._close_pool()
            self._section = _Section.RLM
            self._isv = None
            self._rlm_heading(number, host, _number(port), _seconds(uptime))
            return True
        for ending, section in _HEADINGS:
            if whose.endswith(ending):
                self._close_pool()
                self._section = section
                self._isv = whose.removesuffix(ending).strip()
                self._isv_heading(section, _number(port), _seconds(uptime))
                return True
        return False

    def _rlm_heading(self, number: int, host: str, port: int | None, uptime: int | None) -> None:
        if self._server is not None:
            self._warn(number, f"a second server, {host}, in one answer")
            return
        self._server = RlmServer(host=host, port=port, version=None, uptime_seconds=uptime)

    def _isv_heading(self, section: _Section, port: int | None, uptime: int | None) -> None:
        name = self._isv or ""
        self._headed.setdefault(name, IsvServer(name=name, port=port, running=True, restarts=None))
        if section is _Section.ISV:
            self._counters[name] = IsvCounters(name=name, uptime_seconds=uptime, checkouts=None, denials=None)

    def _remark(self, line: str) -> bool:
        """Whether this is rlmutil speaking of itself or of a server that it could not reach."""
        if _BANNER.fullmatch(line):
            self._banner = True
            return True
        lowered = line.lower()
        if any(phrase in lowered for phrase in _NO_CONNECTION):
            self._refused = True
            return True
        return False

    def _preamble_line(self, number: int, line: str) -> None:
        if not self._remark(line):
            self._record(number, line)

    def _rlm_line(self, _line: int, line: str) -> None:
        found = _VERSION.match(line)
        if found and self._server is not None and self._server.version is None:
            self._server = replace(self._server, version=found[1])

    def _isv_row(self, _line: int, line: str) -> None:
        row = _ISV_ROW.fullmatch(line)
        if row is None:
            return
        name, port, running, restarts = row.groups()
        self._table.append(
            IsvServer(
                name=name, port=_number(port), running=running.lower() == "yes", restarts=_number(restarts)
            )
        )

    def _isv_line(self, _line: int, line: str) -> None:
        counters = self._counters[self._isv or ""]
        if line.startswith("Checkouts:"):
            self._counters[counters.name] = replace(counters, checkouts=_total(line))
        elif line.startswith("Denials:"):
            self._counters[counters.name] = replace(counters, denials=_total(line))

    def _pool_line(self, number: int, line: str) -> None:
        if not self._record(number, line):
            self._close_pool()
            self._warn(number, line)

    def _usage_line(self, number: int, line: str) -> None:
        if not (self._usage(line) or self._record(number, line)):
            self._warn(number, line)

    def _record(self, number: int, line: str) -> bool:
        """Read a pool's or a usage line by its shape."""
        start = line[:10].lower()
        if start.startswith(("count:", "uncounted", "token-base")):
            return self._numbers(number, line)
        if start.startswith("obsolete:"):
            return self._totals(line)
        head = _POOL.fullmatch(line)
        if head is None:
            return self._usage(line)
        self._close_pool()
        product, version, pool = head.groups()
        self._head = _Head(line=number, product=product, version=version, pool=_number(pool))
        return True

    def _numbers(self, number: int, line: str) -> bool:
        head, self._head = self._head, None
        if head is None:
            return False
        fields = _fields(line)
        count = fields.get("count", "").lower()
        expires = _expiry(fields.get("exp"))
        if expires is None and "exp" in fields:
            self._warn(number, f"not an expiry date: {fields['exp']}")
        self._pools.append(
            Pool(
                isv=self._isv,
                product=head.product,
                version=head.version,
                pool=head.pool,
                count=_number(count),
                reservations=_number(fields.get("# reservations")),
                inuse=_number(fields.get("inuse")),
                expires=expires,
                uncounted="uncounted" in fields or count == "unlimited",
                token=line.lower().startswith("token"),
                total_checkouts=None,
            )
        )
        self._open_pool = True
        return True

    def _totals(self, line: str) -> bool:
        if not self._open_pool:
            return False
        self._pools[-1] = replace(
            self._pools[-1], total_checkouts=_number(_fields(line).get("total checkouts"))
        )
        self._open_pool = False
        return True

    def _usage(self, line: str) -> bool:
        found = _USAGE.fullmatch(line)
        if found is None:
            return False
        product, version, who, seats, reserved, at, handle = found.groups()
        if handle is None:
            old = _OLD_WHO.fullmatch(who)
            if old is None:
                return False
            who, handle = old.groups()
        user, _, host = who.rpartition("@")
        self._checkouts.append(
            Checkout(
                isv=self._isv,
                product=product,
                version=version,
                user=user,
                host=host,
                count=_number(seats) or 0,
                reserved=_number(reserved) or 0,
                handle=handle,
                at=at,
            )
        )
        return True


def _is_whole(line: str) -> bool:
    """Whether a line without its line feed may be all that was printed."""
    if any(shape.fullmatch(line) for shape in _WHOLE):
        return True
    heading = _WHERE.fullmatch(line.partition(" status on ")[2])
    return heading is not None and (heading[3] is None or _seconds(heading[3]) is not None)


def _number(text: str | None) -> int | None:
    """A plain number of a credible size; None for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        return None
    return int(text)


def _fields(line: str) -> dict[str, str]:
    """`count: 40, # reservations: 0` as a mapping, keys in lower case."""
    pairs = (item.partition(":") for item in line.split(","))
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _total(line: str) -> int | None:
    """The third of the columns Recent, Todays, Total; each may be followed by a rate in brackets."""
    columns = [word for word in line.partition(":")[2].split() if not word.startswith("(")]
    return _number(columns[2]) if len(columns) > 2 else None


def _seconds(text: str | None) -> int | None:
    """Seconds of `[Nd ]HH:MM:SS`."""
    found = _UPTIME.fullmatch(text) if text else None
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _expiry(text: str | None) -> date | Permanent | None:
    """A date like `1-jul-2024`; `permanent` and any date with the year 0 never end."""
    if text is None:
        return None
    if text.lower() == "permanent":
        return Permanent.PERMANENT
    found = _EXPIRY.fullmatch(text)
    month = _MONTHS.get(found[2].lower()) if found else None
    if found is None or month is None:
        return None
    if int(found[3]) == 0:
        return Permanent.PERMANENT
    try:
        return date(int(found[3]), month, int(found[1]))
    except ValueError:
        return None
