"""What the daemon's HTTP API answers, as frozen values. Words stay words: a newer daemon may have more."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseView:
    """What the license probes of one server say."""

    state: str
    """`up`, `down` or `unknown`."""
    reason: str | None
    detail: str | None
    degraded: str | None
    """What is wrong with a server that is up."""
    consecutive_failures: int
    checked_at: datetime | None
    age_seconds: float | None
    response_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IsvView:
    """One ISV server."""

    name: str
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebView:
    """The web interface; `off` where it is not checked."""

    state: str
    http_status: int | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsView:
    """Seats of all pools together."""

    in_use: int
    issued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAtBalancerView:
    """What one balancer says of one server; `status` is HAProxy's text."""

    balancer: str
    status: str
    sessions: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalView:
    """What another monitor reported of a server."""

    reporter: str
    component: str
    state: str
    """`up`, `down`, or `unknown` once the report is too old to count."""
    healthy: bool
    age_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleHolderView:
    """A host with seats from two pools or more of one product."""

    product: str
    host: str
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseFilesView:
    """What the daemon saw of the server's license files."""

    detail: str | None
    """All that is wrong with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """One server of the cluster."""

    name: str
    role: str
    host: str
    port: int
    active: bool
    license: LicenseView
    isvs: tuple[IsvView, ...]
    web: WebView
    seats: SeatsView | None
    pinned: tuple[str, ...]
    balancers: tuple[ServerAtBalancerView, ...]
    double_holders: tuple[DoubleHolderView, ...] | None = None
    """None from a daemon that does not tell."""
    external: tuple[ExternalView, ...] | None = None
    license_files: LicenseFilesView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerAnswer:
    """One balancer as the daemon last read it."""

    name: str
    reachable: bool
    error: str | None
    active: str | None
    epoch: int | None
    unknown_servers: tuple[str, ...]
    web_differs: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinView:
    """One server held back."""

    server: str
    kind: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """What the controller decided last, and by which rule."""

    number: int | None
    rule: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert of Alertmanager."""

    alertname: str
    server: str | None
    status: str
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of an operation; `done_at` and `outcome` are None while it runs."""

    number: int
    step: str
    target: str
    intent_at: datetime
    done_at: datetime | None
    outcome: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationView:
    """One move, or one finding about who is active."""

    id: int
    kind: str
    rule: str
    state: str
    outcome: str | None
    source: str | None = field(metadata={"key": "from"})
    target: str = field(metadata={"key": "to"})
    epoch: int
    requested_by: str
    reason: str | None
    trigger: str | None
    started_at: datetime
    committed_at: datetime | None
    ended_at: datetime | None
    steps: tuple[StepView, ...]
    alerts: tuple[AlertView, ...]

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.state == "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverLicenseView:
    """Which failover of RLM's own the license files grant; all but the sentence None where it is none."""

    kind: str | None
    server: str | None
    primary: str | None
    does_not_cover: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitView:
    """One server that serves beside the active one."""

    server: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """Who of several daemons acts for the cluster."""

    ours: bool
    """Whether it is the one that answered."""
    holder: str | None
    url: str | None
    remaining_seconds: float
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverView:
    """The policy and the present state of moving."""

    automatic: bool
    takeover: str
    license: FailoverLicenseView | None
    """None where the license files are not known."""
    failback: str
    detection: str
    triggers: tuple[str, ...]
    threshold: int
    cooldown_seconds: float
    cooldown_remaining_seconds: float
    paused_until: datetime | None
    unacknowledged: int | None
    pins: tuple[PinView, ...]
    decision: DecisionView | None
    alerts_firing: tuple[AlertView, ...]
    operation: OperationView | None
    last_operation: OperationView | None
    split_brain: tuple[SplitView, ...] | None = None
    """None from a daemon that does not tell."""
    lease: LeaseView | None = None
    """None where one daemon is alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """One whole cluster."""

    name: str
    healthy: bool
    ready: bool
    not_ready_because: tuple[str, ...]
    active: str | None
    active_host: str | None
    active_since: datetime | None
    epoch: int | None
    taken_at: datetime
    servers: tuple[ServerView, ...]
    balancers: tuple[BalancerAnswer, ...]
    failover: FailoverView


@dataclass(frozen=True, slots=True, kw_only=True)
class ClustersAnswer:
    """All clusters of the daemon."""

    clusters: tuple[ClusterStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldView:
    """A decision to do nothing."""

    id: int
    at: datetime
    rule: str
    trigger: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAnswer:
    """The journal of one cluster, newest first."""

    operations: tuple[OperationView, ...]
    decisions: tuple[HeldView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenView:
    """What one rule for automatic moves made of the moment."""

    number: int
    rule: str
    applies: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What a move would do."""

    source: str | None = field(metadata={"key": "from"})
    target: str = field(metadata={"key": "to"})
    steps: tuple[str, ...]
    warnings: tuple[str, ...]
    rules: tuple[SeenView, ...] | None = None
    """In the order in which they are tried; None from a daemon that does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneAnswer:
    """What has been done, in words."""

    result: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthAnswer:
    """What the daemon made of a report."""

    detail: str
    differences: tuple[str, ...]
    """Where it differs from the daemon's own newest checks, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkView:
    """What has become of an alert at one sink."""

    name: str
    state: str
    """`waiting`, `taken` or `given_up`."""
    attempts: int
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAnswer:
    """What became of an alert that was to be sent."""

    result: str
    """`taken`, `waiting`, `given_up` or `nothing_to_resolve`."""
    detail: str
    duplicate: bool
    key: str
    sinks: tuple[SinkView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAlertView:
    """A message of the outbox."""

    id: int
    status: str
    """`firing` or `resolved`."""
    severity: str
    name: str
    component: str
    message: str
    cluster: str | None
    server: str | None
    key: str
    requested_by: str
    asked: int
    """How many calls it stands for."""
    starts_at: datetime
    created_at: datetime
    sinks: tuple[SinkView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsAnswer:
    """The newest messages."""

    alerts: tuple[SentAlertView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlaceAnswer:
    """How far a report log has come."""

    number: int
    """Of the newest batch; 0 before the first."""
    position: str
    """What its reader needs to go on, as it gave it; empty before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTakenAnswer:
    """A batch of a report log was taken."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAnswer:
    """What became of the wish to move: `started`, `already_active` or `plan`, each with its own part."""

    result: str
    operation: OperationView | None
    server: str | None
    plan: PlanView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLabels:
    """What a target belongs to; server and host of a server's alone."""

    cluster: str
    server: str | None
    host: str | None = field(metadata={"key": "__meta_rlm_ha_host"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One cluster or one server, as service discovery lists them."""

    labels: TargetLabels
