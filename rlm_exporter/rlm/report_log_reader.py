"""Reads report logs as a stream: bytes in, runs, sessions, denials and warnings out (pure).

Memory is bounded by what is out at once and by the products that ever were, not by the log's size. Nothing
makes a reader fail: what cannot be read is a warning with its line, and changes nothing else. How the bytes
are cut into pieces changes nothing either.
"""

from collections.abc import Callable
from datetime import datetime, time
from typing import Any

from rlm_exporter.rlm import report_log_records as records
from rlm_exporter.rlm.report_log_clock import LogClock
from rlm_exporter.rlm.report_log_lines import excerpt, is_whole, read_record
from rlm_exporter.rlm.report_log_runs import RUNNING, Phase, Runs
from rlm_exporter.rlm.report_log_sessions import Sessions
from rlm_exporter.rlm.report_log_text import LONGEST_LINE, LineSplitter
from rlm_exporter.rlm.report_log_values import Denial, Event, Header, LogFormat, LogWarning

_HEAD = 12
"""Lines from the first of a log to START: three or so of text, and blank ones."""
_HELD_BACK = 10_000
"""How many records before the first dated line wait for it; timestamps come every half hour."""
_TOO_LONG = records.Damaged("", f"a line of more than {LONGEST_LINE} characters")
_FORMATS = {0: LogFormat.STD, 1: LogFormat.SMALL, 2: LogFormat.DETAILED}


class ReportLogReader:
    """Takes a log piece by piece. Several files in a row are one log; `end_file` parts them."""

    def __init__(self, *, dated: datetime | None = None) -> None:
        """`dated` is a moment close to what comes first, where that is known from before."""
        self.header = Header()
        """Of the first file that has one."""
        self._events: list[Event] = []
        self._clock = LogClock(dated)
        self._sessions = Sessions(self._events)
        self._runs = Runs(self._events, self._sessions)
        self._text = LineSplitter()
        self._file = 0
        self._line = 0
        self._head_ends = 0
        """The last line that the text of a head may have; 0 where there is none."""
        self._is_detailed = False
        self._waits = dated is None
        """Whether the first dated line is yet to come."""
        self._waiting: list[records.Record] = []
        """What came before it."""
        self._readers: dict[type, Callable[[Any], None]] = {
            records.Out: self._out,
            records.In: self._back,
            records.InUse: self._in_use,
            records.Deny: self._deny,
            records.Queue: self._queue,
            records.Start: self._start,
            records.Dated: self._dated,
            records.Shutdown: self._shutdown,
            records.TimeJump: self._jump,
            records.Switch: self._switch,
            records.Format: self._format,
            records.Isv: self._isv,
            records.TimeZone: self._zone,
            records.Other: self._other,
            records.Blank: self._blank,
            records.Damaged: self._damaged,
            records.Unknown: self._unknown,
        }

    @property
    def peak_seats(self) -> dict[str, int]:
        """The most seats known to be out at once, by product."""
        return dict(sorted(self._sessions.peaks.items()))

    @property
    def minutes_west(self) -> int | None:
        """The server's time zone, without what summer time adds; None where the log does not tell it."""
        return self._runs.minutes_west

    @property
    def held(self) -> int:
        """How many sessions are not known to have ended."""
        return self._sessions.held

    @property
    def begun(self) -> int:
        """How many sessions have begun until now."""
        return self._sessions.begun

    @property
    def oldest(self) -> int | None:
        """How many had begun before the one that has been out for longest; None where none is out."""
        return self._sessions.oldest

    def feed(self, data: bytes) -> list[Event]:
        """What these bytes make known. A line that they do not end waits for the rest of it."""
        readers = self._readers
        for line in self._text.feed(data):
            self._line += 1
            record = read_record(line) if len(line) <= LONGEST_LINE else _TOO_LONG
            if self._waits:
                self._wait(record)
            else:
                readers[type(record)](record)
        return self._taken()

    def end_file(self) -> list[Event]:
        """The file ends here, whole or cut; another may follow, and goes on with what is out."""
        line = self._text.end()
        if line is not None:
            self._read_last(line)
        self._file, self._line, self._head_ends = self._file + 1, 0, 0
        return self._taken()

    def settle(self) -> list[Event]:
        """Wait no longer for a line that has a year: what came before it keeps none."""
        self._give_up_waiting()
        return self._taken()

    def close(self) -> list[Event]:
        """There is no more: what is still out, and how the last run ended."""
        events = self.end_file() + self.settle()
        self._runs.close()
        return events + self._taken()

    def _taken(self) -> list[Event]:
        events = self._events.copy()
        self._events.clear()
        return events

    def _read_last(self, line: str) -> None:
        """A line that nothing ends: a record if it looks whole, else cut."""
        self._line += 1
        record: records.Record = _TOO_LONG
        if len(line) <= LONGEST_LINE:
            record = read_record(line)
            if not is_whole(record, line, detailed=self._is_detailed):
                record = records.Damaged("", f"the last line is cut: {excerpt(line)}")
        if self._waits:
            self._wait(record)
        else:
            self._readers[type(record)](record)

    def _wait(self, record: records.Record) -> None:
        """Before the first dated line no record's year is known; what needs none is taken at once."""
        if isinstance(record, _UNTIMED):
            self._readers[type(record)](record)
        elif isinstance(record, records.Start | records.Dated):
            self._clock.set(record.moment)
            first = next((small for each in self._waiting if (small := _small_time(each))), None)
            if first is not None:
                self._clock.look_back(first)
            self._give_up_waiting()
            self._readers[type(record)](record)
        else:
            self._waiting.append(record)
            if len(self._waiting) >= _HELD_BACK:
                self._give_up_waiting()

    def _give_up_waiting(self) -> None:
        waiting, self._waiting, self._waits = self._waiting, [], False
        for record in waiting:
            self._readers[type(record)](record)

    # One method a record

    def _out(self, record: records.Out) -> None:
        if self._runs.phase is not RUNNING:
            self._runs.resume()
        clock = self._clock
        self._sessions.out(record, clock.at(record.day, record.time), clock.set_back)

    def _back(self, record: records.In) -> None:
        phase = self._runs.phase
        if phase is not RUNNING and phase is not Phase.DOWN:
            self._go_on_if_out(record.key, None)
            self._runs.resume()
        clock = self._clock
        self._sessions.back(record, clock.at(record.day, record.time), clock.set_back)

    def _in_use(self, record: records.InUse) -> None:
        clock = self._clock
        since = clock.not_after(record.day, record.time)
        if self._runs.phase is Phase.DOWN:
            self._sessions.in_use_at_shutdown(record, since, clock.set_back)
            return
        self._go_on_if_out(record.key, record.product)
        if self._runs.phase in {Phase.NONE, Phase.UNDECIDED} or self._runs.number < 0:
            self._runs.resume()
        self._sessions.in_use(record, since, clock.set_back)

    def _go_on_if_out(self, key: int, product: str | None) -> None:
        """After an END alone: a new run would not know handles of the one before."""
        if self._runs.phase is Phase.UNDECIDED and self._sessions.holds(key, product):
            self._runs.go_on()

    def _deny(self, record: records.Deny) -> None:
        phase = self._runs.phase
        if phase is not RUNNING and phase is not Phase.DOWN:
            self._runs.resume()
        day, at = record[-2:]
        self._events.append(Denial(self._runs.number, *record[:-2], self._clock.at(day, at)))

    def _queue(self, record: records.Queue) -> None:
        self._clock.at(record.day, record.time)
        phase = self._runs.phase
        if phase is not RUNNING and phase is not Phase.DOWN:
            self._runs.resume()
        self._sessions.queue(record.key)

    def _start(self, record: records.Start) -> None:
        self._head_ends = 0
        self._clock.set(record.moment)
        self._runs.start(record.server, record.moment)

    def _dated(self, record: records.Dated) -> None:
        self._clock.set(record.moment)
        if record.ends:
            self._runs.end(record.moment, self._clock.set_back)

    def _shutdown(self, record: records.Shutdown) -> None:
        self._runs.shutdown(self._clock.at(record.day, record.time), self._clock.set_back)

    def _jump(self, record: records.TimeJump) -> None:
        self._clock.jump(record.minutes, record.day, record.time)

    def _switch(self, record: records.Switch) -> None:
        self._runs.switch()

    def _format(self, record: records.Format) -> None:
        self._head_ends = self._line + _HEAD
        kind = _FORMATS.get(record.number)
        self._is_detailed = kind is LogFormat.DETAILED
        if self.header.log_version is None:
            self.header = self.header._replace(
                format=kind, log_version=record.version, authenticated=record.authenticated
            )

    def _isv(self, record: records.Isv) -> None:
        if self.header.isv is None:
            self.header = self.header._replace(isv=record.name, rlm_version=record.rlm_version)

    def _zone(self, record: records.TimeZone) -> None:
        self._runs.zone(record.minutes_west)

    def _other(self, record: records.Other) -> None:
        if record.day is not None and record.time is not None:
            self._clock.at(record.day, record.time)

    def _blank(self, record: records.Blank) -> None:
        pass

    def _damaged(self, record: records.Damaged) -> None:
        """A line of the head's text may begin like a record; a START in it must not go unseen."""
        if self._line > self._head_ends or record.word in {"", "START"}:
            self._events.append(LogWarning(self._file, self._line, record.text))

    def _unknown(self, record: records.Unknown) -> None:
        if self._line > self._head_ends:
            self._events.append(LogWarning(self._file, self._line, record.text))


_UNTIMED = (records.Damaged, records.Unknown, records.Blank, records.Format, records.Isv)


def _small_time(record: records.Record) -> time | None:
    if isinstance(record, records.Out | records.In) and record.day is None:
        return record.time
    return None
