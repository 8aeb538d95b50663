"""What asks the controller to look. A trigger is a hint; what it may lead to is decided from the snapshot."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rlm_exporter.store.records import OperationKind


class TriggerKind(StrEnum):
    """Who asks; the word in the journal."""

    DETECTOR = "detector"
    """Our own checks: the active server failed one."""
    ALERT = "alert"
    """Alertmanager: an alert with `rlm_action: failover` fires for this cluster."""
    OPERATOR = "operator"
    BALANCER = "balancer"
    """The balancer itself: it moved, and the record has to follow."""
    RLM = "rlm"
    """RLM itself: it took over, or gave back."""
    SCHEDULE = "schedule"
    """The manifest: the time for an automatic failback has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One reason to look; `alerts` are fingerprints, kept for the journal and deciding nothing."""

    kind: TriggerKind
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverRequest:
    """An operator's wish for another active server, already checked for form."""

    target: str | None
    """The server's name in the manifest; None for a failback, which leads to the preferred one."""
    requested_by: str
    kind: OperationKind = OperationKind.FAILOVER
    """FAILOVER: whether or not the active one is healthy. SWITCHOVER, FAILBACK: only from a healthy one."""
    reason: str = ""
    expect_active: str | None = None
    """Refused when another server is active: the operator looked at an older picture."""
    force: bool = False
    """Go although the target does not look healthy to us."""
    dry_run: bool = False
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRequest:
    """Nothing automatic is to move for a while; None ends a pause."""

    lasting: timedelta | None
    requested_by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AckRequest:
    """An operator has seen what was done: cooldown, chase and failed attempts hold nothing any more."""

    requested_by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceRequest:
    """A server is taken out (no candidate, held at the balancers) or given back."""

    server: str
    enable: bool
    requested_by: str
    reason: str = ""
    switchover: bool = False
    """Move first where the server is the active one; without it that is refused."""


Request = FailoverRequest | PauseRequest | AckRequest | MaintenanceRequest


class RefusalKind(StrEnum):
    """Why an operator's wish is not carried out; the server maps each to a status."""

    NOT_READY = "not_ready"
    EXPECTATION = "expectation_failed"
    OPERATION_OPEN = "operation_open"
    TARGET_UNHEALTHY = "target_unhealthy"
    ACTIVE_UNHEALTHY = "active_unhealthy"
    """A planned move was asked for, and there is nothing left to plan: that is a failover."""
    SERVES_NOW = "serves_now"
    """The server serves clients at the moment."""
    BALANCER_UNKNOWN = "balancer_unknown"
    STORE_UNAVAILABLE = "store_unavailable"
    NOT_LEADER = "not_leader"
    """Another daemon acts for this cluster: ask that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A wish that was refused; nothing was changed."""

    kind: RefusalKind
    detail: str
    leader_url: str | None = None
    """Where the daemon is found that would do it."""
