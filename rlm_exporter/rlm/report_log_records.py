"""What one line of a report log can be: its fields, and when, as far as a single line can tell (pure).

Records are named tuples, not dataclasses: a log has millions, and a frozen dataclass takes several times as
long to make.
"""

from datetime import datetime, time
from typing import NamedTuple, TypeAlias

Day: TypeAlias = tuple[int, int]
"""Month and day; a record's line has no year. Equal days are the same object."""


class Out(NamedTuple):
    """A checkout; in the small format without pool and day."""

    product: str
    version: str
    pool: int | None
    user: str
    host: str
    isv_def: str
    seats: int
    handle: str
    share_handle: str | None
    key: int
    """The handle as a number."""
    share_key: int
    """The handle of the first of those that share a seat; 0 where the record names none."""
    day: Day | None
    time: time
    project: str | None = None
    """What the client's RLM_PROJECT said."""


class In(NamedTuple):
    """A checkin; in the small format it names only the handle."""

    why: int
    product: str | None
    version: str | None
    user: str | None
    host: str | None
    isv_def: str | None
    seats: int
    handle: str
    key: int
    day: Day | None
    time: time


class InUse(NamedTuple):
    """A seat that is out while a log begins or ends."""

    product: str
    version: str
    pool: int | None
    user: str
    host: str
    isv_def: str
    seats: int
    handle: str
    share_handle: str | None
    key: int
    share_key: int
    day: Day
    time: time
    project: None = None
    """The record does not name it."""


class Deny(NamedTuple):
    """A request that was refused; `last_attempt` is 0 where the client asks another server."""

    product: str
    version: str
    user: str
    host: str
    isv_def: str
    seats: int
    why: int
    last_attempt: int
    day: Day
    time: time


class Queue(NamedTuple):
    """A request waits, or no longer does; its handle is none of a seat."""

    key: int
    day: Day | None
    time: time


class Start(NamedTuple):
    """A log begins: the server started, or its log was switched."""

    server: str
    moment: datetime


class Dated(NamedTuple):
    """A line that tells the year: the end of a log, or a timestamp."""

    moment: datetime
    ends: bool


class Shutdown(NamedTuple):
    """The server ends as it should."""

    day: Day
    time: time


class TimeJump(NamedTuple):
    """The server's clock was set, or its machine slept; `day` and `time` are those after it."""

    minutes: int
    day: Day
    time: time


class Switch(NamedTuple):
    """The log goes on in another file (`leaves`), or comes from there."""

    leaves: bool
    name: str


class Format(NamedTuple):
    """The first line of a log."""

    number: int
    version: str
    authenticated: bool


class Isv(NamedTuple):
    """Whose log it is."""

    name: str
    rlm_version: str


class TimeZone(NamedTuple):
    """The server's time zone, without what summer time adds as far as is known."""

    minutes_west: int


class Other(NamedTuple):
    """A record that says nothing about sessions or denials; at most when it was."""

    day: Day | None
    time: time | None


class Damaged(NamedTuple):
    """A record that cannot be read, by its first word."""

    word: str
    text: str


class Unknown(NamedTuple):
    """A line that begins no record: text of the head, or something foreign."""

    text: str


class Blank(NamedTuple):
    """Nothing."""


Record: TypeAlias = (
    Out | In | InUse | Deny | Queue | Start | Dated | Shutdown | TimeJump | Switch | Format | Isv | TimeZone
    | Other | Damaged | Unknown | Blank
)  # fmt: skip
