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
    denied: int | None
    passed_on: int | None
    denial_rate: float | None
    idle_reserved: int | None = None


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
    known_since: datetime | None = None
    """The earliest moment of which the log tells anything."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialLineView:
    """Refusals of one feature for one reason, and of one user, host or server."""

    isv: str | None
    feature: str
    who: str | None
    reason: str
    denied: int
    passed_on: int
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialsAnswer:
    """Who was refused."""

    cluster: str
    since: datetime
    until: datetime
    by: str
    lines: tuple[DenialLineView, ...]
    omitted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleUseView:
    """A host that held a product from two pools."""

    server: str
    feature: str
    host: str
    versions: tuple[str, ...]
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleUseAnswer:
    """All such hosts."""

    hosts: tuple[DoubleUseView, ...]
    omitted: int
    complete: bool
    """False where there were too many sessions to look at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingView:
    """One license or pool with an end."""

    server: str
    isv: str | None
    product: str
    version: str | None
    count: int | None
    expires: str
    ends_at: datetime
    days_left: float
    place: str | None
    renewed_by: str | None = None
    """Where the license stands that begins when this one ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringAnswer:
    """Licenses that end soon."""

    cluster: str
    within_days: float
    licenses: tuple[EndingView, ...]
    unknown: tuple[str, ...]
    """Servers of which nothing is known now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourView:
    """One hour of a feature; `at` has the offset of the zone."""

    at: datetime
    average: float
    peak: int
    seats: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareView:
    """The part of the time in which so many seats were in use."""

    in_use: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileAnswer:
    """One feature over time."""

    cluster: str
    since: datetime
    until: datetime
    timezone: str
    isv: str | None
    feature: str
    hours: tuple[HourView, ...]
    shares: tuple[ShareView, ...]
