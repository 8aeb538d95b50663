"""What the page is made from, beside the snapshot: small values that callers fill in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.haproxy.view import BalancerReading
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.store.records import ClusterRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerFacts:
    """What the controller knows beyond its record; None is unknown, and gives no series."""

    active: str | None
    """The server that clients are sent to."""
    ready: bool | None
    """Whether a failover would work now."""
    operation_open: bool | None
    balancer_disagrees: bool | None
    cooldown_remaining: timedelta = timedelta(0)
    paused: bool | None = None
    lease_ours: bool | None = None
    """Whether this daemon acts for the cluster."""
    lease_remaining: float | None = None
    """Seconds for which the lease is still ours; None where there is no lease."""
    unacknowledged: int | None = None
    """Automatic moves that no operator has acknowledged."""
    is_led: bool | None = None
    """Whether any of the daemons that share the journal acts for the cluster, as far as we know."""
    journal_writable: bool | None = None
    settings_written: bool | None = None
    """Whether all files with client settings are as they should be."""
    rule: str | None = None
    """The word of the rule that gave the newest decision."""
    last_move: datetime | None = None
    """When the last automatic move was committed."""
    failovers: int | None = None
    """Unplanned moves in the journal."""
    splits: frozenset[str] = frozenset()
    """Servers that serve beside the active one."""
    pinned: frozenset[tuple[str, str]] = frozenset()
    """(balancer, server) pairs that the controller holds in maintenance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """All of one cluster that the page shows."""

    cluster: Cluster
    snapshot: ClusterSnapshot
    readings: tuple[BalancerReading, ...] = ()
    record: ClusterRecord | None = None
    """None while the journal has nothing about the cluster."""
    controller: ControllerFacts | None = None
    """None where no controller watches the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the configuration was last read."""

    at: datetime | None
    """When what is in use was; None where nothing was yet."""
    is_current: bool
    """Whether nothing was wrong with it the last time."""
