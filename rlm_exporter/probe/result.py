"""Probe results: ok with a payload, or failed with a reason; always with a duration."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from rlm_exporter.rlm.status import RlmStatus

T_co = TypeVar("T_co", covariant=True)


class FailureReason(StrEnum):
    """Why a probe failed. The word is the metric label, the log field and the API's value."""

    REFUSED = "refused"
    """Nothing listens there."""
    TIMEOUT = "timeout"
    """No whole answer within the limit; the program was killed or the connection dropped."""
    UNREACHABLE = "unreachable"
    """The host's name does not resolve, or there is no way to it."""
    NO_ANSWER = "no_answer"
    """rlmutil ran and says that rlm did not answer it."""
    GARBAGE = "garbage"
    """An answer that is not rlmstat's or not HTTP."""
    HTTP_STATUS = "http_status"
    """The web interface answered 500 or above."""
    TLS = "tls"
    """The web interface does not speak TLS as configured, or speaks it where it should not."""
    TOOL_MISSING = "tool_missing"
    """There is no rlmutil to run, or what is there does not run. Says nothing about the server."""
    LOCAL = "local"
    """We could not probe for a reason of our own (no free file descriptor). Says nothing about the server."""
    ISV_DOWN = "isv_down"
    """rlm answers, a wanted ISV server does not run or cannot be reached."""
    ISV_PORT_CHANGED = "isv_port_changed"
    """A wanted ISV server runs on another port than the manifest plans, so clients cannot reach it."""
    POOLS_MISSING = "pools_missing"
    """Everything runs, and a wanted product has no pool."""


OUR_REASONS = frozenset({FailureReason.TOOL_MISSING, FailureReason.LOCAL})
"""Failures of the probing side. They reset the memory of health: what was not asked is not known."""


class ProbeKind(StrEnum):
    """What was probed; the value of the `probe` label."""

    LICENSE = "license"
    TCP = "tcp"
    WEB = "web"
    BALANCER = "balancer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a probe failed, for the program (`reason`) and for a person (`detail`)."""

    reason: FailureReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult(Generic[T_co]):
    """One probe of one server by one method."""

    kind: ProbeKind
    started_at: datetime
    duration: timedelta
    payload: T_co | None = None
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether the probe got what it asked for."""
        return self.failure is None

    @property
    def ours(self) -> bool:
        """Whether it failed for a reason of ours, and so is no evidence against the server."""
        return self.failure is not None and self.failure.reason in OUR_REASONS

    @property
    def ended_at(self) -> datetime:
        """When the probe had its answer or was cut."""
        return self.started_at + self.duration


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAnswer:
    """What the web interface answered."""

    status: int
    tls: bool
    certificate_ends: datetime | None = None
    """When the certificate that it showed ends; None without TLS, or where that cannot be read."""


LicenseResult = ProbeResult[RlmStatus]
WebResult = ProbeResult[WebAnswer]
TcpResult = ProbeResult[None]
