"""What reports ask of the usage log, and what it tells them (values only)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rlm_exporter.store.usage_records import Denied, Seats

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that a report is about, from whole second to whole second; the end is outside of it."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end or self.start.microsecond or self.end.microsecond:
            raise ValueError("a window begins at a whole second, and ends at a later one")

    @property
    def seconds(self) -> int:
        """How long it is."""
        return (self.end - self.start) // SECOND


class Dimension(StrEnum):
    """What the sessions of a feature can be told apart by."""

    FEATURE = "feature"
    """Not further than by feature."""
    USER = "user"
    HOST = "host"
    SERVER = "server"
    PROJECT = "project"
    """What RLM_PROJECT said. Report logs tell it of sessions, and of no refusal."""


REFUSALS_BY = tuple(each for each in Dimension if each is not Dimension.PROJECT)
"""What refusals can be told apart by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuestion:
    """Who used what in a window."""

    cluster: str
    window: Window
    by: Dimension = Dimension.FEATURE
    feature: str | None = None
    """This one alone; names are compared as RLM does, regardless of case."""
    group_of: Callable[[str | None], str] | None = None
    """What users are counted under; None = each for himself."""
    edges: tuple[datetime, ...] = ()
    """Levels are told apart by these moments: no stretch of them goes across one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """For how long so many seats were in use."""

    since: datetime
    """The edge before it: where its stretch of the window begins. Seats do not change within a stretch."""
    seats: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """The sessions of one feature, and by one user, host, server or group of it."""

    isv: str | None
    feature: str
    who: str | None
    """None where the question is by feature, and for a name that was not stored."""
    sessions: int = 0
    """With a part inside of the window."""
    begun: int = 0
    """Of them, those that began inside of it."""
    levels: tuple[Level, ...] = ()
    """Without the time in which nothing was in use; in no order."""
    denied: int | None = 0
    """Requests that were refused for good: the user felt it. None where no report log tells of refusals."""
    passed_on: int | None = 0
    """Refusals after which the client went on to the next server of its list; None like the other."""
    reasons: Mapping[str, int]
    """Of those that were refused for good, how many for which reason."""
    last_denied: datetime | None = None
    seats: tuple[Seats, ...] = ()
    """How many seats there were, oldest first, the last before the window included. By feature alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageFacts:
    """The answer to a question: lines in the order of their names."""

    lines: tuple[UsageLine, ...]
    undated: int
    """Sessions that ended in the window and of which nobody knows when they began: in no line."""
    known_since: datetime | None = None
    """The earliest moment of which the window's rows tell anything; None where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One session, as far as it is known."""

    server: str
    isv: str | None
    feature: str
    version: str | None
    user: str | None
    host: str | None
    seats: int
    out: datetime | None
    ended: datetime | None
    """None = it is out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Some:
    """The first of many."""

    first: tuple[Held, ...]
    count: int
    """Of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One request that was refused for good."""

    at: datetime
    user: str | None
    host: str | None
    seats: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that was asked for of one feature in a window, oldest first."""

    sessions: tuple[Held, ...]
    refused: tuple[Refused, ...]
    seats: tuple[Seats, ...]
    is_whole: bool
    """False where there is more than was asked to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialLine:
    """Refusals of one feature for one reason, and of one user, host or server."""

    isv: str | None
    feature: str
    who: str | None
    reason: str
    denied: int
    """For good."""
    passed_on: int
    """After which the client went on to the next server of its list."""
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Denials:
    """Who was refused in a window: counted, and the newest one by one."""

    lines: tuple[DenialLine, ...]
    newest: tuple[Denied, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSessions:
    """Sessions of hosts that had several versions of a product, and so may have held two pools at once."""

    sessions: tuple[Held, ...]
    is_whole: bool
