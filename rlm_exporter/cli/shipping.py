"""Ships a report log to the daemon, from where the daemon says that it has come.

Nothing is kept here: the place stands in the daemon's database, written together with what was found up to
it. So a cut of the network, a kill or a rotation neither lose nor double anything.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rlm_exporter.cli.answers import LogPlaceAnswer
from rlm_exporter.cli.client import Client, UnreachableError
from rlm_exporter.errors import ApiError, FormatError
from rlm_exporter.usage.report_log_follower import ReportLogFollower, Step
from rlm_exporter.usage.report_log_wire import read_place, written_events, written_place

T = TypeVar("T")

EVERY = 2.0
"""Seconds between two looks at the log."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds between two tries to reach the daemon, after some that failed."""

QUIET = 2
"""Looks without anything new after which all is read: a file's end is looked at twice before the next one."""

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that may be others in a while."""

STALE = "stale_place"

MISSING = "no file here holds what was read of the log before, and none begins later"

AT_ONCE = 1000
"""Sessions in one request, which becomes one transaction. A shutdown may end more than that in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogName:
    """Whose log it is."""

    cluster: str
    server: str
    isv: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What goes in one request."""

    sessions: list[dict[str, Any]]
    denials: list[dict[str, Any]]
    is_last: bool
    """Whether the place after these lines is reached with it."""


def batches(step: Step, *, now: datetime) -> Iterator[Batch]:
    """A step's events. Denials, which nothing tells apart, go with the place: so they are taken once."""
    sessions, denials = written_events(step.events, now=now)
    while len(sessions) > AT_ONCE:
        yield Batch(sessions=sessions[:AT_ONCE], denials=[], is_last=False)
        del sessions[:AT_ONCE]
    if sessions or denials:
        yield Batch(sessions=sessions, denials=denials, is_last=True)


@dataclass(kw_only=True)
class Shipper:
    """Ships one log. `say` gets what a person may want to know, each thing once."""

    client: Client
    path: Path
    name: LogName
    once: bool
    """Whether to ship what there is now, and end."""
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    """By this machine's clock, naive, in UTC."""
    sessions: int = 0
    denials: int = 0
    """What the daemon has taken."""
    _trouble: str = field(default="", init=False)
    _number: int = field(default=0, init=False)
    _position: str = field(default="", init=False)
    _again: bool = field(default=False, init=False)
    """Whether the log is read from its beginning for want of a place, and its denials are known."""

    def run(self) -> None:
        """Ship until the process is ended, or all is shipped.

        Raises ApiError where asking again would not help: a name that the daemon does not know, a token that
        is not good for this. With `once` also where the daemon cannot be reached, and OSError for the log.
        """
        while True:
            follower = self._open()
            try:
                if self._follow(follower):
                    return
            finally:
                follower.close()

    def _open(self) -> ReportLogFollower:
        """From where the daemon says that the log has come."""
        place = self._patiently(self._ask_place)
        self._number, self._position = place.number, place.position
        since, self._again = None, False
        try:
            since = read_place(place.position) if place.position else None
        except FormatError as error:
            told = "the log is read from its beginning, without the requests that were refused until now"
            self.say(f"{error}; {told}")
            self._again = True
        return ReportLogFollower(self.path, since=since)

    def _ask_place(self) -> LogPlaceAnswer:
        return self.client.log_place(self.name.cluster, self.name.server, self.name.isv).value

    def _follow(self, follower: ReportLogFollower) -> bool:
        """Whether all is shipped; False where the daemon is elsewhere in the log than we thought."""
        quiet = 0
        while quiet < QUIET or not self.once:
            steps = self._read(follower)
            for step in steps:
                if step.lost:
                    self.say(f"{self.path}: lines may have gone unread: it was cut or taken away")
                if not self._ship(step):
                    return False
            if not steps and self._again and not self._end_again(follower):
                return False
            quiet = 0 if steps else quiet + 1
            if not steps and not self.once:
                self.sleep(EVERY)
        return True

    def _read(self, follower: ReportLogFollower) -> list[Step]:
        try:
            if follower.position is None:
                self.path.stat()
            steps = list(follower.steps())
        except OSError as error:
            if self.once:
                raise
            self._tell(f"{error.filename or self.path}: {error.strerror or error}")
            return []
        self._tell(MISSING if follower.is_missing else "")
        return steps

    def _ship(self, step: Step) -> bool:
        place = written_place(step.position)
        return all(self._bring(batch, place, step.minutes_west) for batch in batches(step, now=self.now()))

    def _end_again(self, follower: ReportLogFollower) -> bool:
        """All that there is has been read again; from here on it is as ever."""
        if follower.position is None:
            return True
        self._again = False
        nothing = Batch(sessions=[], denials=[], is_last=True)
        return self._bring(nothing, written_place(follower.position), None)

    def _bring(self, batch: Batch, place: str, minutes_west: int | None) -> bool:
        """Whether it was taken; False where the daemon is elsewhere in the log than we thought."""
        if self._again:
            # The place stays: whoever is killed meanwhile has to begin anew as well.
            batch = replace(batch, denials=[], is_last=False)
        try:
            self._patiently(partial(self._send, batch, place, minutes_west))
        except ApiError as error:
            if error.kind != STALE:
                raise
            return False
        self.sessions += len(batch.sessions)
        self.denials += len(batch.denials)
        return True

    def _send(self, batch: Batch, place: str, minutes_west: int | None) -> None:
        position = place if batch.is_last else self._position
        document = {
            "after": self._number,
            "position": position,
            "minutes_west": minutes_west,
            "sessions": batch.sessions,
            "denials": batch.denials,
        }
        taken = self.client.ship(self.name.cluster, self.name.server, self.name.isv, document)
        self._number, self._position = taken.value.number, position

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Again and again, while that may help."""
        wait = FIRST_WAIT
        while True:
            try:
                answer = ask()
            except ApiError as error:
                if self.once or not (isinstance(error, UnreachableError) or error.status in PASSING):
                    raise
                self._tell(str(error))
            else:
                self._tell("")
                return answer
            self.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self.say(f"waiting: {trouble}")
        elif self._trouble and not trouble:
            self.say("going on")
        self._trouble = trouble
