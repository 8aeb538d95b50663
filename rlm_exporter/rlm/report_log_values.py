"""What a report log tells: runs of the server, sessions, denials (values only).

Moments are the server's wall time, without a time zone; None is what the log does not tell. They are named
tuples because a log has millions.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class LogFormat(StrEnum):
    """How much a log tells of each checkout."""

    STD = "std"
    SMALL = "small"
    DETAILED = "detailed"


class Begun(StrEnum):
    """How a session came to be known."""

    OUT = "out"
    IN_USE = "inuse"
    """It was out when the log, or this part of it, began."""
    UNKNOWN = "unknown"
    """Only its end is in the log."""


class Ended(StrEnum):
    """How a session ended."""

    IN = "in"
    SHUTDOWN = "shutdown"
    CRASH = "crash"
    """The server was killed; when the seat was given back is unknown."""
    SWITCH = "switch"
    """It goes on in another log."""
    OPEN = "open"
    """The log says no more about it."""


class RunEnd(StrEnum):
    """How a run of the server ended."""

    SHUTDOWN = "shutdown"
    SWITCH = "switch"
    """It goes on in another log."""
    CRASH = "crash"
    CUT = "cut"
    """The log just ends: it grows still, or the server was killed."""


class Header(NamedTuple):
    """What the first lines say; None where they do not."""

    format: LogFormat | None = None
    log_version: str | None = None
    isv: str | None = None
    rlm_version: str | None = None
    authenticated: bool | None = None


class Run(NamedTuple):
    """The server from one start to the next."""

    number: int
    """From 0 in the order of the log."""
    server: str | None
    start: datetime | None
    end: datetime | None
    """Of what the log tells of it."""
    ended_by: RunEnd
    timezone_minutes_west: int | None


class Session(NamedTuple):
    """One checkout. Handles are counted anew in each run."""

    number: int
    """In the order in which the log first tells of them, from 0."""
    run: int
    product: str | None
    version: str | None
    """As asked for, or as granted."""
    pool: int | None
    user: str | None
    host: str | None
    isv_def: str | None
    seats: int
    handle: str
    share_handle: str | None
    begun: Begun
    out: datetime | None
    ended: Ended
    back: datetime | None
    reason: int | None
    """RLM's code of why it came back."""
    lasted: timedelta | None
    seen_since: datetime | None
    """For one whose checkout is not in the log: since when it is known to be out."""
    not_after: datetime | None
    """For one whose end is not in the log: by when it had ended."""
    project: str | None = None
    """What the client's RLM_PROJECT said; the small format does not tell it, nor does an INUSE record."""


class Denial(NamedTuple):
    """One refused request."""

    run: int
    product: str
    version: str
    user: str
    host: str
    isv_def: str
    seats: int
    why: int
    """RLM's status code, negative."""
    last_attempt: int
    at: datetime | None

    @property
    def is_final(self) -> bool:
        """Whether the user felt it; else the client went on to the next server."""
        return self.last_attempt != 0


class LogWarning(NamedTuple):
    """A line that could not be read, by the number of its file and its own."""

    file: int
    """From 0."""
    line: int
    text: str


Event: TypeAlias = Run | Session | Denial | LogWarning
