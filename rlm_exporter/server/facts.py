"""What the page of metrics is told about a cluster. Pure."""

from datetime import datetime

from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.memory import Standing
from rlm_exporter.haproxy.view import BalancerReading
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics.facts import ClusterFacts, ControllerFacts
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.server.documents import cooldown_remaining, not_ready_because, paused_until


def cluster_facts(
    *,
    cluster: Cluster,
    snapshot: ClusterSnapshot,
    readings: tuple[BalancerReading, ...],
    standing: Standing,
    failovers: int | None,
    unacknowledged: int | None,
    last_move: datetime | None,
    now: datetime,
) -> ClusterFacts:
    """One cluster as the page shows it; `failovers` are the unplanned moves in the journal."""
    record = standing.record
    active = record.active if record is not None else None
    views = [reading.view for reading in readings if reading.view is not None]
    differing = [view.active for view in views if view.active is not None and view.active != active]
    reasons = not_ready_because(cluster=cluster, snapshot=snapshot, readings=readings, standing=standing)
    controller = ControllerFacts(
        active=active,
        ready=not reasons,
        operation_open=standing.operation is not None,
        balancer_disagrees=bool(differing) if views and active is not None else None,
        cooldown_remaining=cooldown_remaining(standing, cluster.failover, now),
        paused=paused_until(standing, now) is not None,
        lease_ours=standing.lease is None or standing.lease.ours,
        lease_remaining=standing.lease.remaining if standing.lease is not None else None,
        is_led=_is_led(standing.lease),
        journal_writable=standing.store_writable,
        settings_written=None if standing.unpublished is None else not standing.unpublished,
        rule=standing.decision.reason.value if standing.decision is not None else None,
        last_move=last_move,
        unacknowledged=unacknowledged,
        failovers=failovers,
        splits=frozenset(split.server for split in standing.splits),
        pinned=frozenset(
            (view.balancer, server)
            for view in views
            for server in view.pinned & (standing.desired.pinned if standing.desired else frozenset())
        ),
    )
    return ClusterFacts(
        cluster=cluster, snapshot=snapshot, readings=readings, record=record, controller=controller
    )


def _is_led(lease: LeaseView | None) -> bool:
    """Another daemon has it as long as the database says so: we would take a lease that has run out."""
    return lease is None or lease.ours or (lease.holder is not None and not lease.trouble)
