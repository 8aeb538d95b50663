"""What the daemon answers about usage, as values."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLineView:
    """The figures of a feature, or of one user, host, server or group of it; docs/usage.md tells them."""

    isv: str | None
    feature: str
    who: str | None
    sessions: int
    checkouts: int
    peak: int
    average: float
    seat_hours: float
    seats: int | None
    ceiling_hours: float | None
    unused: int | None
    reserved: int | None
    denied: int
    passed_on: int
    denial_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageAnswer:
    """A report."""

    cluster: str
    since: datetime
    until: datetime
    by: str
    lines: tuple[UsageLineView, ...]
    omitted: int
    undated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One session."""

    server: str
    feature: str
    user: str | None
    host: str | None
    seats: int
    out: datetime | None
    ended: datetime | None
    hours: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsAnswer:
    """Who held what."""

    cluster: str
    since: datetime
    until: datetime
    sessions: tuple[SessionView, ...]
    omitted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """What would have been with one number of seats."""

    seats: int
    granted: int
    refused: int
    newly_granted: int
    newly_refused: int
    peak: int
    denial_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfAnswer:
    """What would have been."""

    cluster: str
    since: datetime
    until: datetime
    feature: str
    seats_now: int | None
    outcomes: tuple[OutcomeView, ...]
