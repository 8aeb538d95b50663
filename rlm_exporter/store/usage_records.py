"""What the usage log is told: sessions that began, ended, or were not over after all (values only)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    """Clients were sent elsewhere, and what was open to that server was cut."""


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
class Recounted:
    """A session has another number of seats."""

    key: str
    count: int


UsageChange = Opened | Closed | Reopened | Recounted
