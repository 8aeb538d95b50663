"""Tells the runs of a server apart: from one start to the next (pure).

A run goes on in the next log after SWITCH, and after a bare END where the next log names handles that were
out; rotation before 14.0 says no more. It ends with SHUTDOWN; with a START that nothing announced, the server
was killed before. What a run gave out, no later one takes back.
"""

from datetime import datetime, timedelta
from enum import Enum, auto

from rlm_exporter.rlm.report_log_sessions import Sessions
from rlm_exporter.rlm.report_log_values import Ended, Event, Run, RunEnd

_ZERO = timedelta()
_FARTHEST = 24 * 60
"""Minutes between a time zone and UTC; a record that tells more is damaged."""


class Phase(Enum):
    """Where in a run the log is."""

    NONE = auto()
    """No run was seen yet."""
    RUNNING = auto()
    SWITCHED = auto()
    """The log says that it goes on elsewhere, or that it comes from there."""
    ENDED = auto()
    """An END alone: rotation, or the end."""
    UNDECIDED = auto()
    """START after an END alone: the next record says whether it is the same run."""
    DOWN = auto()


RUNNING = Phase.RUNNING
"""For a comparison with each record: looking up a member of an enumeration takes as long as reading one."""


class Runs:
    """Takes what begins and ends logs and runs, in the order of the log, and ends the sessions of each."""

    def __init__(self, events: list[Event], sessions: Sessions) -> None:
        self._events = events
        self._sessions = sessions
        self.phase = Phase.NONE
        self.number = -1
        """Of the run that the next record belongs to."""
        self._server: str | None = None
        self._start: datetime | None = None
        self._zone: int | None = None
        self._told_zone: int | None = None
        """The newest of any run: a server seldom moves, and its next run tells its zone only after START."""
        self._end: datetime | None = None
        """What END said, while it is not known what that means."""
        self._set_back = _ZERO
        """By how much the clock had been set back at that END."""
        self._next: tuple[str, datetime] | None = None
        """The START that may begin another run."""
        self._next_zone: int | None = None

    def start(self, server: str, at: datetime) -> None:
        """A log begins."""
        self._decide()
        match self.phase:
            case Phase.SWITCHED if self.number >= 0:
                self.go_on()
            case Phase.SWITCHED:
                self._begin(server, None)
            case Phase.ENDED:
                self.phase, self._next, self._next_zone = Phase.UNDECIDED, (server, at), None
            case Phase.RUNNING:
                self._sessions.break_off(Ended.CRASH, not_after=at)
                self._over(RunEnd.CRASH, end=None)
                self._begin(server, at)
            case _:
                self._begin(server, at)

    @property
    def minutes_west(self) -> int | None:
        """The time zone, as far as the log tells it; until a run has told its own, that of the one before."""
        return self._told_zone

    def zone(self, minutes_west: int) -> None:
        """The server's time zone, after START."""
        if abs(minutes_west) <= _FARTHEST:
            self._told_zone = minutes_west
        if self.phase is Phase.UNDECIDED:
            self._next_zone = minutes_west
        elif self._zone is None:
            self._zone = minutes_west

    def switch(self) -> None:
        """The log goes on in another file, or comes from one."""
        self._decide()
        if self.phase is not Phase.DOWN:
            self.phase = Phase.SWITCHED

    def end(self, at: datetime, set_back: timedelta) -> None:
        """A log ends, for whatever reason."""
        self._decide()
        if self.phase in {Phase.RUNNING, Phase.SWITCHED} and self.number >= 0:
            self._end, self._set_back = at, set_back
            if self.phase is Phase.RUNNING:
                self.phase = Phase.ENDED

    def shutdown(self, at: datetime | None, set_back: timedelta) -> None:
        """The server ends."""
        if self.phase is Phase.DOWN:
            return
        self.resume()
        self._shut_down(at, set_back)

    def resume(self) -> None:
        """A record of a running server comes; where none was expected, a START is missing."""
        if self.phase is Phase.UNDECIDED:
            self._decide()
        elif self.phase in {Phase.NONE, Phase.DOWN} or self.number < 0:
            self._begin(None, None)
        elif self.phase is not Phase.RUNNING:
            self.go_on()

    def go_on(self) -> None:
        """It is the same run, in another log."""
        if self._zone is None:
            self._zone = self._next_zone
        self._next = self._next_zone = self._end = None
        self.phase = Phase.RUNNING

    def close(self) -> None:
        """There is no more."""
        self._decide()
        if self.phase is Phase.RUNNING:
            self._sessions.break_off(Ended.OPEN)
            self._over(RunEnd.CUT, end=None)
        elif self.phase in {Phase.SWITCHED, Phase.ENDED} and self.number >= 0:
            self._sessions.break_off(Ended.SWITCH)
            self._over(RunEnd.SWITCH, end=self._end)
        self.phase = Phase.DOWN

    def _begin(self, server: str | None, start: datetime | None) -> None:
        self.number += 1
        self._sessions.begin_run(self.number)
        self._server, self._start, self._zone, self._end = server, start, None, None
        self.phase = Phase.RUNNING

    def _decide(self) -> None:
        """Nothing that was out before END is named after START: it is another run."""
        if self.phase is not Phase.UNDECIDED:
            return
        begun, zone = self._next, self._next_zone
        self._next = self._next_zone = None
        self._shut_down(self._end, self._set_back)
        self._begin(*(begun or (None, None)))
        self._zone = zone

    def _shut_down(self, at: datetime | None, set_back: timedelta) -> None:
        self._sessions.shut_down(at, set_back)
        self._over(RunEnd.SHUTDOWN, end=at)
        self.phase = Phase.DOWN

    def _over(self, ended_by: RunEnd, *, end: datetime | None) -> None:
        self._events.append(Run(self.number, self._server, self._start, end, ended_by, self._zone))
