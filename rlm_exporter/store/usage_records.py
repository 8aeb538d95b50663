"""What the usage log is told: sessions that began, ended, or were not over after all (values only)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

LARGEST_COUNT = 2**31 - 1
"""Seats; a column has no room for more."""


def storable(text: str) -> str:
    """What a database and a file take of any text of RLM's: no NUL, and nothing that is no character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


class UsageSource(StrEnum):
    """Where a row is known from."""

    POLLING = "polling"
    """Seen in rlmstat's usage lines: the end is that of the first check without it."""
    REPORT_LOG = "report_log"
    """Told by a report log, exactly."""
    BOTH = "both"
    """Seen first, and told exactly later."""


class EndReason(StrEnum):
    """Why a session is over."""

    RETURNED = "returned"
    SERVER_DOWN = "server_down"
    """Its server does not answer any more, or its ISV server does not run."""
    SERVER_RESTARTED = "server_restarted"
    """Its server forgets sessions when it restarts."""
    FAILED_OVER = "failed_over"
    """Clients were sent elsewhere, and what was open to that server was cut; or RLM itself has done that."""
    TIMED_OUT = "timed_out"
    """RLM took the seat back because its client said nothing any more. Told by report logs alone."""
    REMOVED = "removed"
    """An administrator took the seat back. Told by report logs alone."""
    UNKNOWN = "unknown"
    """A report log has its beginning and no end; it had ended by that moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSession:
    """One checkout, as long as it lasts."""

    key: str
    """The same for whoever tells of it: cluster, server, ISV, the server's own minute, handle, product."""
    cluster: str
    server: str
    isv: str | None
    feature: str
    version: str | None
    user: str | None
    host: str | None
    count: int
    """Seats under this handle. With shared seats several handles have one: sums of it can be above in use."""
    handle: str
    out: datetime | None
    """Aware; None where nothing tells it."""
    out_is_ambiguous: bool = False
    """Its hour exists twice in the server's time zone, and nothing tells which one it was."""
    source: UsageSource = UsageSource.POLLING
    project: str | None = None
    """What the client's RLM_PROJECT said; report logs alone tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session is there; one that is known already stays as it is."""

    session: UsageSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A session is over. `out` is its beginning, for the time it lasted."""

    key: str
    at: datetime
    reason: EndReason
    out: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A session that was taken for over is still there; `closed_at` is the end that was wrong."""

    key: str
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a session ended, by a report log."""

    at: datetime
    reason: EndReason
    is_exact: bool
    """Whether the log has the very moment; else the session had ended by then."""
    other: datetime | None = None
    """When it was otherwise, where the server's clock showed that time twice."""
    lasted: timedelta | None = None
    """What the log knows better than the two moments, where the server's clock was set in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A report log tells a whole session, of which polling may know already."""

    session: UsageSession
    """Without `out` where the log has no checkout of it: then it is known by its handle alone."""
    end: End
    other_out: datetime | None = None
    """When it began otherwise, where the server's clock showed that time twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A report log tells of a request that was refused."""

    cluster: str
    server: str
    isv: str
    feature: str
    version: str | None
    user: str | None
    host: str | None
    count: int
    code: int
    """RLM's status code, negative."""
    is_final: bool
    """Whether the user felt it; else his program went on to the next server of its list."""
    at: datetime | None
    """Aware; None where the log does not tell it."""
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """How far one report log has been read."""

    cluster: str
    server: str
    isv: str
    number: int = 0
    """How many batches have come of it; 0 before the first one."""
    position: str = ""
    """What its reader needs to go on, as the reader wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """How many seats of a feature clients can get, from a moment on."""

    cluster: str
    isv: str
    feature: str
    since: datetime
    seats: int | None
    """None where there is no limit, or nobody knows it."""
    reserved: int
    """Of them, how many are kept for somebody."""
    server: str
    """The server whose seats these are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """A session has another number of seats."""

    key: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was deleted, or would be."""

    database: str
    before: datetime
    sessions: int
    months: tuple[date, ...]
    """Those whose tables went as a whole."""
    denials: int
    seats: int
    freed: int | None
    """Bytes given back to the disk; None where only doing it shows."""
    reusable: int
    """Bytes that stay in the database's file and are free for new rows."""


UsageChange = Opened | Closed | Reopened | Recounted
