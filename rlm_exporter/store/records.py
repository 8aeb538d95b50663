"""What the store holds, as frozen values. Times are aware and in UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CONTROLLER = "controller"
"""Who asked, where nobody did."""


class OperationKind(StrEnum):
    """What kind of move an operation is."""

    FIRST_START = "first_start"
    """What was found when the store knew nothing of the cluster; nobody was moved."""
    ADOPT = "adopt"
    """The balancer moved by itself; the record follows."""
    FAILOVER = "failover"
    SWITCHOVER = "switchover"
    FAILBACK = "failback"
    RESYNC = "resync"
    """The balancer knew a higher epoch than the store; ours was raised above it, nobody was moved."""


class OperationState(StrEnum):
    """Where an operation stands. At most one per cluster is OPEN."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"
    """Ended before anything was changed at a balancer."""
    FAILED = "failed"
    """Ended without a commit after something was changed; what was done then is in the outcome."""


class StepOutcome(StrEnum):
    """What came of one step."""

    DONE = "done"
    PARTIAL = "partial"
    """Done on what could be reached; the rest converges when it returns."""
    FAILED = "failed"
    SKIPPED = "skipped"


class PinKind(StrEnum):
    """Why a server is held in MAINT, which also says what lifts it."""

    SETTLE = "settle"
    """After a move every other server counts as pinned until retries have settled."""
    FAILOVER = "failover"
    """The old active one; lifted after 10 good direct probes once the cooldown is over."""
    MAINTENANCE = "maintenance"
    """Set and lifted by an operator alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One server held in MAINT."""

    server: str
    kind: PinKind
    since: datetime
    until: datetime | None = None
    """When a SETTLE pin ends; None for the other kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """The committed truth of one cluster."""

    cluster: str
    active: str
    active_since: datetime
    epoch: int
    """The epoch of the last commit."""
    highest_epoch: int
    """The highest epoch ever used, committed or not; the next operation gets one more."""
    pins: tuple[Pin, ...] = ()
    cooldown_until: datetime | None = None
    paused_until: datetime | None = None
    """Until when nothing automatic moves, by an operator's word; adoption follows what is all the same."""
    acknowledged_at: datetime | None = None
    """When an operator last said that he has seen what was done; older moves hold nothing back."""
    version: int = 0
    """Grows with each write of this row; a write that expects another version is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an operation: its intent is written before it runs, its outcome after."""

    number: int
    """From 1, in the order of intents; a step that is run again gets a new number."""
    step: str
    target: str
    epoch: int
    intent_at: datetime
    done_at: datetime | None = None
    outcome: StepOutcome | None = None
    detail: str = ""


class AlertStatus(StrEnum):
    """Alertmanager's two words."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """One alert of Alertmanager. (fingerprint, starts_at) recognises a repeat; it decides nothing."""

    fingerprint: str
    starts_at: datetime
    status: AlertStatus
    cluster: str
    alertname: str
    server: str | None
    first_seen: datetime
    last_seen: datetime
    deliveries: int = 1
    operation_id: int | None = None
    """The newest operation this alert was part of: one that never resolves can see a second incident."""


class AlertResult(StrEnum):
    """What one delivered alert was to the journal."""

    NEW = "new"
    REPEAT = "repeat"
    RESOLVED = "resolved"
    STALE = "stale"
    """Firing, but this start or a later one of the same alert is known to be resolved: it wakes nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAlert:
    """One alert of one delivery, before the journal has looked whether it knows it."""

    fingerprint: str
    starts_at: datetime
    status: str
    """One of the words of `AlertStatus`."""
    cluster: str
    alertname: str
    server: str | None = None
    ends_at: datetime | None = None
    """When a resolved alert ended: each start up to then is over too. Without it, those up to `starts_at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One move, or one finding about who is active."""

    id: int
    cluster: str
    kind: OperationKind
    rule: str
    """The word of the rule that decided it; `operator` for a move by hand."""
    state: OperationState
    outcome: str
    """A word about how it ended, "" while open: done, partial, failed_safe, rolled_back …"""
    source: str | None
    """The server that was active before (`from`); None at the first start."""
    target: str
    """The server it leads to (`to`); changes when a candidate is excluded."""
    epoch: int
    requested_by: str
    """`controller`, or the operator's name."""
    reason: str
    """In words, for a person."""
    trigger: str
    """`detector`, `alert`, `operator` or `balancer`."""
    started_at: datetime
    committed_at: datetime | None = None
    ended_at: datetime | None = None
    steps: tuple[Step, ...] = ()
    alerts: tuple[AlertRecord, ...] = ()
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDecision:
    """A decision that held; written when the rule differs from the one before it, not at every look."""

    id: int
    cluster: str
    at: datetime
    rule: str
    trigger: str
    detail: str
    """What was seen, in words."""


class RedundancyMode(StrEnum):
    """How the servers of a cluster stand in for each other. Another one would need more than copies."""

    ACTIVE_PASSIVE = "active-passive"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """What an operator has set of the settings that clients get; all else is the manifest's."""

    servers: tuple[str, ...] = ()
    """`port@host`, in the order of preference; empty = as the manifest has it."""
    follows: bool = True
    """Whether clients are told anew at each move: the active server first."""
    mode: RedundancyMode = RedundancyMode.ACTIVE_PASSIVE
    set_by: str = ""
    reason: str = ""
    set_at: datetime | None = None
    """None = nobody has set anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempts:
    """Operations that ended without a commit since the last move, in a row."""

    count: int
    last_ended_at: datetime | None
    """None when there was none."""
