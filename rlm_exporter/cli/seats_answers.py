"""What the daemon answers about seats: those that are free, and one that is taken back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderView:
    """One handle; several may share a seat."""

    host: str
    version: str
    seats: int
    handle: str
    since: str
    """The server's local time, without a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSeatsView:
    """One product; a number that is not known is None, and `reason` says why."""

    isv: str | None
    feature: str
    free: int | None
    issued: int | None
    reserved: int | None
    in_use: int | None
    reason: str | None
    detail: str | None
    holders: tuple[HolderView, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsAnswer:
    """The seats of the server that is active."""

    cluster: str
    active: str | None
    known: bool
    detail: str | None
    age_seconds: float | None
    features: tuple[FeatureSeatsView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatView:
    """One seat that an operator wants back, and whose it is."""

    server: str
    isv: str
    product: str
    version: str
    user: str
    host: str
    seats: int
    handle: str
    since: str
    """The server's local time, without a year."""
    shares: bool
    """Whether several handles share seats: one comes back with the last of its handles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAnswer:
    """What would be freed, or was."""

    result: str
    """`plan` or `released`."""
    detail: str
    seat: SeatView
