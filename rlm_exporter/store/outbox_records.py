"""What the outbox holds, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class MessageStatus(StrEnum):
    """What a message says of its alert."""

    FIRING = "firing"
    RESOLVED = "resolved"


class DeliveryState(StrEnum):
    """What has become of a message at one sink."""

    WAITING = "waiting"
    TAKEN = "taken"
    GIVEN_UP = "given_up"


class Acceptance(StrEnum):
    """What a request for an alert came to."""

    NEW = "new"
    DUPLICATE = "duplicate"
    """The same was said within the repeat interval; that message stands for this request too."""
    FURTHER_SINKS = "further_sinks"
    """The same was said within that time, but not to all that it is for now; those get that message too."""
    NOTHING_TO_RESOLVE = "nothing_to_resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRequest:
    """An alert that somebody wants told."""

    key: str
    """Requests with the same key are about one alert."""
    status: MessageStatus
    alertname: str
    severity: str
    component: str
    message: str
    cluster: str | None
    server: str | None
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingAlert:
    """A message of the outbox."""

    id: int
    request: AlertRequest
    starts_at: datetime
    """When the alert began; the message may be a repetition, or its end."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request, and the message that stands for it."""

    acceptance: Acceptance
    message: OutgoingAlert | None
    """None where there was nothing to resolve."""
    added: tuple[str, ...] = ()
    """The sinks that get the message by this request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message at one sink."""

    sink: str
    state: DeliveryState
    attempts: int
    """How many have begun."""
    detail: str
    """Why the last attempt failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message, and what has become of it."""

    alert: OutgoingAlert
    asked: int
    """How many requests it stands for."""
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message that one daemon is to bring to one sink now."""

    message: OutgoingAlert
    sink: str
    attempt: int
    earlier: tuple[OutgoingAlert, ...] = ()
    """What this sink was told of the same alert since it began, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep did."""

    deleted: int
    given_up: Mapping[str, int]
    """Deliveries that it ended, by sink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """When a failed attempt is made again, and when no more."""

    first: timedelta
    most: timedelta
    give_up: timedelta
    """The age of a message at which it is tried no more."""

    def pause(self, attempt: int) -> timedelta:
        """Between this attempt and the next: twice as long each time, up to the most."""
        # The exponent is bounded, for an outage of months must not overflow.
        doubled: int = 2 ** min(attempt - 1, 20)
        return min(self.first * doubled, self.most)
