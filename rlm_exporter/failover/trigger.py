"""What asks the controller to look. A trigger is a hint; what it may lead to is decided from the snapshot."""

from dataclasses import dataclass
from enum import StrEnum


class TriggerKind(StrEnum):
    """Who asks; the word in the journal."""

    DETECTOR = "detector"
    """Our own checks: the active server failed one."""
    ALERT = "alert"
    """Alertmanager: an alert with `rlm_action: failover` fires for this cluster."""
    OPERATOR = "operator"
    BALANCER = "balancer"
    """The balancer itself: it moved, and the record has to follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One reason to look; `alerts` are fingerprints, kept for the journal and deciding nothing."""

    kind: TriggerKind
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverRequest:
    """An operator's wish, already checked for form."""

    target: str
    """The server's name in the manifest."""
    requested_by: str
    reason: str = ""
    expect_active: str | None = None
    """Refused when another server is active: the operator looked at an older picture."""
    force: bool = False
    """Go although the target does not look healthy to us."""
    dry_run: bool = False
    idempotency_key: str | None = None


class RefusalKind(StrEnum):
    """Why an operator's wish is not carried out; the server maps each to a status."""

    NOT_READY = "not_ready"
    EXPECTATION = "expectation_failed"
    OPERATION_OPEN = "operation_open"
    TARGET_UNHEALTHY = "target_unhealthy"
    BALANCER_UNKNOWN = "balancer_unknown"
    STORE_UNAVAILABLE = "store_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A wish that was refused; nothing was changed."""

    kind: RefusalKind
    detail: str
