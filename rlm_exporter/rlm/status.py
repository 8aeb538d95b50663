"""What `rlmutil rlmstat -a` says of one server, as frozen values.

Meanings follow RLM's own documentation: `count` excludes reservations, issued = count + reservations,
"in use" comes from a pool's `inuse` alone, and a usage line is a handle, not a seat.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class ErrorKind(StrEnum):
    """Why an answer is not a whole status."""

    CONNECT = "connect"
    """rlmutil could not reach rlm."""
    GARBAGE = "garbage"
    """Text, but not rlmstat's."""
    EMPTY = "empty"
    TRUNCATED = "truncated"
    """The last line stops inside a value; that record is left out, what was whole stays."""


class Permanent(StrEnum):
    """A license without an end."""

    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadWarning:
    """Something that could not be read, with its line (from 1)."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RlmServer:
    """The `rlm status on` block."""

    host: str
    """As printed; label servers by the configured name, never by this."""
    port: int | None
    version: str | None
    uptime_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IsvServer:
    """One row of the ISV table; `restarts` is None where only a section heading told of it."""

    name: str
    port: int | None
    running: bool
    restarts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IsvCounters:
    """Totals since the ISV server's start, from its statistics block; None where not printed."""

    name: str
    uptime_seconds: int | None
    checkouts: int | None
    denials: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One license pool. A number that the text does not give (token, UNCOUNTED, unlimited) is None."""

    isv: str | None
    product: str
    version: str
    pool: int | None
    count: int | None
    reservations: int | None
    inuse: int | None
    expires: date | Permanent | None
    uncounted: bool
    token: bool
    total_checkouts: int | None

    @property
    def issued(self) -> int | None:
        """Seats that exist: count + reservations."""
        if self.count is None:
            return None
        return self.count + (self.reservations or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """One usage line: `count` ordinary seats and `reserved` seats from a reservation, under one handle."""

    isv: str | None
    product: str
    version: str
    user: str
    host: str
    count: int
    reserved: int
    handle: str
    at: str
    """`MM/DD HH:MM`, the server's local time, without a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RlmStatus:
    """One whole answer. `reachable` is judged by the text, never by rlmutil's exit status."""

    reachable: bool
    error_kind: ErrorKind | None
    server: RlmServer | None
    isvs: tuple[IsvServer, ...]
    counters: tuple[IsvCounters, ...]
    pools: tuple[Pool, ...]
    checkouts: tuple[Checkout, ...]
    warnings: tuple[ReadWarning, ...]
    dated: tuple[datetime, ...] = ()
    """Moments that the answer gives with their year, in the server's local time (naive: its zone is not
    told): starts, and the answer's own moment where a start and the time since then are given."""
