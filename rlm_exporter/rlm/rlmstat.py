"""Reads what `rlmutil rlmstat -a` prints.

Line by line: a heading (`… status on HOST (port N)`) says which section follows and whose it is, a
line is then read by its section. Pools and usage lines are known by their shape as well, so they are
read where headings are missing. What an answer is worth is judged by its text alone: rlmutil's exit
status is undocumented. Time grows with the length of the text and with nothing else.
"""

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from rlm_exporter.rlm.rlmstat_lines import (
    Heading,
    Section,
    is_opening,
    is_separator,
    is_whole,
    read_ctime,
    read_heading,
    read_isv_row,
    read_total,
    read_uptime,
)
from rlm_exporter.rlm.rlmstat_records import Records, Warnings
from rlm_exporter.rlm.rlmstat_runs import read_pools, read_usage_lines
from rlm_exporter.rlm.rlmstat_text import read_text
from rlm_exporter.rlm.status import ErrorKind, IsvCounters, IsvServer, RlmServer, RlmStatus

_NO_CONNECTION = (
    'error connecting to "',
    "communications error with license server",
    "connection refused at server",
    "read error from network",
)

_LONG = 256 * 1024


def parse_rlmstat(data: bytes | str) -> RlmStatus:
    """One server's answer, from rlmutil's output; takes any input and never raises."""
    text = read_text(data)
    with _one_collection_at_most(text):
        return _read(text)


def _read(text: str) -> RlmStatus:
    last_end = text.rfind("\n") + 1
    reader = _Reader()
    line, start = 1, 0
    while start < last_end:
        end = text.index("\n", start)
        reader.read(line, text[start:end].strip())
        line, start = line + 1, end + 1
        if reader.section is Section.POOLS or reader.section is Section.USAGE:
            read_run = read_pools if reader.section is Section.POOLS else read_usage_lines
            stop = text.find("\n\t---", end, last_end) + 1 or last_end
            line = read_run(text, start, stop, line, reader)
            start = stop
    unterminated = text[last_end:].strip()
    if unterminated:
        reader.read_last(line, unterminated)
    return reader.status()


@contextlib.contextmanager
def _one_collection_at_most(text: str) -> Iterator[None]:
    """Let the garbage collector wait for the end of a long text.

    All that is made here is kept, and there is a lot of it, so that it would go through the whole heap time
    and again and find nothing: at 40 MB that is a third of the time. Whoever found it running starts it
    again, so two threads that read at once leave it as it was.
    """
    if len(text) < _LONG or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Reader:
    """The state between lines: the section, and what the blocks of rlm and its ISV servers have told."""

    def __init__(self) -> None:
        self.section = Section.PREAMBLE
        self._warnings = Warnings()
        self.records = Records(self._warnings)
        self._blank = True
        self._opened = False
        self._refused = False
        self._error_text = 0
        """Lines that still belong to an error: where it tried to connect, the system's words for it."""
        self._cut = False
        self._server: RlmServer | None = None
        self._table: list[IsvServer] = []
        self._headed: dict[str, IsvServer] = {}
        self._counters: dict[str, IsvCounters] = {}
        self._uptime: int | None = None
        self._dated: list[datetime] = []
        self._readers: dict[Section, Callable[[int, str], None]] = {
            Section.PREAMBLE: self._preamble_line,
            Section.RLM: self._status_line,
            Section.ISV_TABLE: self._isv_row,
            Section.ISV: self._status_line,
            Section.POOLS: self._record,
            Section.USAGE: self._record,
            Section.BETWEEN: self._record,
        }

    def read(self, number: int, line: str) -> None:
        """Take one line, stripped; numbers count from 1."""
        if not line:
            return
        self._blank = False
        if is_separator(line):
            self._close_pool()
            self.section = Section.ISV_TABLE if "ISV" in line else Section.BETWEEN
        elif " status on " in line and (heading := read_heading(line)) is not None:
            self._begin(number, line, heading)
        elif self._error_text:
            self._error_text = 0 if self.records.read(number, line) else self._error_text - 1
        elif line.startswith("Error connecting to ") and self.section is not Section.PREAMBLE:
            self._error_text = 2
            self._warnings.add(number, line)
        else:
            self._readers[self.section](number, line)

    def go_on(self) -> None:
        """A record was read elsewhere: an error before it has no more text."""
        self._error_text = 0

    def read_last(self, number: int, line: str) -> None:
        """Take a last line that no line feed ends: where it stops inside a value, drop its record."""
        if is_whole(line) or self._error_text:
            self.read(number, line)
            return
        self._blank = False
        self._cut = True
        self.records.drop_cut(line)
        if self.section is not Section.PREAMBLE or not self._is_remark(line):
            self._warnings.add(number, line)

    def status(self) -> RlmStatus:
        """What has been read."""
        pools, checkouts = tuple(self.records.pools), tuple(self.records.checkouts)
        heard = self._server or self._table or self._headed or pools or checkouts
        self._cut |= self.records.expects_counts and self.section is Section.POOLS
        return RlmStatus(
            reachable=bool(heard),
            error_kind=self._error_kind(reachable=bool(heard)),
            server=self._server,
            isvs=tuple(self._table) or tuple(self._headed.values()),
            counters=tuple(self._counters.values()),
            pools=pools,
            checkouts=checkouts,
            warnings=self._warnings.kept(),
            dated=tuple(self._dated),
        )

    def _error_kind(self, *, reachable: bool) -> ErrorKind | None:
        if reachable:
            return ErrorKind.TRUNCATED if self._cut else None
        if self._blank:
            return ErrorKind.EMPTY
        if self._refused:
            return ErrorKind.CONNECT
        if self._opened:
            # rlmutil leaves servers that do not answer out of its output.
            return ErrorKind.TRUNCATED if self._cut else ErrorKind.CONNECT
        return ErrorKind.GARBAGE

    def _close_pool(self) -> None:
        self.records.close(complain=self.section is Section.POOLS)

    def _begin(self, number: int, line: str, heading: Heading) -> None:
        self._close_pool()
        self._error_text = 0
        self.section = heading.section
        self.records.isv = heading.isv
        self._uptime = None if heading.uptime is None else read_uptime(heading.uptime)
        if heading.uptime is not None and self._uptime is None:
            self._warnings.add(number, line)
        if heading.isv is None:
            self._begin_server(number, heading)
        else:
            self._begin_isv(heading.isv, heading)

    def _begin_server(self, number: int, heading: Heading) -> None:
        if self._server is not None:
            self._warnings.add(number, f"a second server, {heading.host}, in one answer")
            return
        self._server = RlmServer(
            host=heading.host, port=heading.port, version=None, uptime_seconds=self._uptime
        )

    def _begin_isv(self, name: str, heading: Heading) -> None:
        headed = IsvServer(name=name, port=heading.port, running=True, restarts=None)
        self._headed.setdefault(name, headed)
        if heading.section is Section.ISV:
            self._counters[name] = IsvCounters(
                name=name, uptime_seconds=self._uptime, checkouts=None, denials=None
            )

    def _is_remark(self, line: str) -> bool:
        """Whether this is rlmutil speaking of itself or of a server that it could not reach."""
        if is_opening(line):
            self._opened = True
            return True
        lowered = line.lower()
        if any(phrase in lowered for phrase in _NO_CONNECTION):
            self._refused = True
            self._error_text = 2
            return True
        return False

    def _preamble_line(self, number: int, line: str) -> None:
        if not self._is_remark(line):
            self._record(number, line)

    def _record(self, number: int, line: str) -> None:
        if not self.records.read(number, line):
            self._close_pool()
            self._warnings.add(number, line)

    def _isv_row(self, number: int, line: str) -> None:
        row = read_isv_row(line)
        if row is not None:
            self._table.append(row)
        elif line.split()[:2] not in (["Name", "Port"], ["Name", "port"]):
            self._record(number, line)

    def _status_line(self, number: int, line: str) -> None:
        """A line of rlm's or an ISV server's own block, of which most are nothing to us."""
        label, _, value = line.partition(": ")
        if label == "Startup time":
            self._date(number, line, value, since=self._uptime)
        elif label.endswith("Statistics (HH:MM:SS), init time"):
            self._date(number, line, value, since=None)
        elif line.startswith("rlm software version v"):
            self._version(line)
        elif self.section is Section.ISV and line.startswith(("Checkouts:", "Denials:")):
            self._count(number, line)
        else:
            self.records.read(number, line)

    def _date(self, number: int, line: str, value: str, *, since: int | None) -> None:
        """Keep a dated moment, and the answer's own, which is so many seconds later."""
        moment = read_ctime(value)
        if moment is None:
            self._warnings.add(number, line)
            return
        self._dated.append(moment)
        if since is not None and moment.year + since // 31_000_000 < 9999:
            self._dated.append(moment + timedelta(seconds=since))

    def _version(self, line: str) -> None:
        if self._server is not None and self._server.version is None:
            version = line.removeprefix("rlm software version v").split()
            self._server = replace(self._server, version=version[0] if version else None)

    def _count(self, number: int, line: str) -> None:
        counters, total = self._counters[self.records.isv or ""], read_total(line)
        if total is None:
            self._warnings.add(number, line)
        elif line.startswith("Checkouts:"):
            self._counters[counters.name] = replace(counters, checkouts=total)
        else:
            self._counters[counters.name] = replace(counters, denials=total)
