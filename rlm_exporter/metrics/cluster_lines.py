"""What the page says of a cluster as a whole, of its load balancers and of its controller."""

from collections.abc import Mapping

from rlm_exporter.haproxy.view import AdminState, BalancerReading, ServerLine
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.facts import ClusterFacts, ControllerFacts
from rlm_exporter.metrics.lines import Lines
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot

_STATES = ("up", "down", *(state.value for state in AdminState if state is not AdminState.READY))


def cluster_lines(facts: ClusterFacts) -> Mapping[str, str]:
    """All sample lines that belong to no single server's part of the snapshot, by family name."""
    lines = Lines(facts.cluster.name)
    lines.add(f.CHECK_INTERVAL, facts.cluster.health_check.interval.total_seconds())
    every = facts.cluster.license_drift
    if every is not None and any(server.license_sync is not None for server in facts.cluster.servers):
        lines.add(f.LICENSE_DRIFT_INTERVAL, every.total_seconds())
    _snapshot(lines, facts.snapshot)
    for reading in facts.readings:
        _balancer(lines, reading, facts.cluster)
    if facts.record is not None:
        lines.add(f.HA_EPOCH, facts.record.epoch)
    if facts.controller is not None:
        _controller(lines, facts, facts.controller)
    return lines.chunks()


def _snapshot(lines: Lines, snapshot: ClusterSnapshot) -> None:
    lines.add(f.SNAPSHOT_TIMESTAMP, snapshot.taken_at.timestamp())
    if all(part.checked_at is not None for part in snapshot.servers):
        lines.add(f.CLUSTER_HEALTHY, sum(part.health.is_up for part in snapshot.servers))
    serving = [known for known in map(_is_serving, snapshot.servers) if known is not None]
    if serving:
        lines.add(f.CLUSTER_SERVING, sum(serving))


def _is_serving(part: ServerSnapshot) -> bool | None:
    """Whether the server has seats out; None where it does not say."""
    if part.status is None:
        return None
    return any(pool.inuse for pool in part.status.pools)


def _balancer(lines: Lines, reading: BalancerReading, cluster: Cluster) -> None:
    view = reading.view
    lines.add(f.BALANCER_UP, view is not None, reading.balancer)
    if view is None:
        return
    lines.add(f.BALANCER_TWO_MASTERS, bool(reading.masters), reading.balancer)
    for server in cluster.servers:
        lines.add(f.HA_BALANCER_ACTIVE, view.active == server.name, reading.balancer, server.name)
        line = view.license_line(server.name)
        if line is None:
            continue
        now = _state(line)
        for state in _STATES:
            lines.add(f.BALANCER_SERVER_STATE, state == now, reading.balancer, server.name, state)


def _state(line: ServerLine) -> str:
    if line.admin is not AdminState.READY:
        return line.admin.value
    return "up" if line.is_up else "down"


def _controller(lines: Lines, facts: ClusterFacts, controller: ControllerFacts) -> None:
    lines.add(f.HA_READY, controller.ready)
    lines.add(f.HA_COOLDOWN, max(controller.cooldown_remaining.total_seconds(), 0))
    lines.add(f.HA_OPERATION_OPEN, controller.operation_open)
    lines.add(f.HA_PAUSED, controller.paused)
    if controller.rule is not None:
        lines.add(f.HA_RULE, 1, controller.rule)
    if controller.last_move is not None:
        lines.add(f.HA_LAST_MOVE, controller.last_move.timestamp())
    lines.add(f.HA_STORE, controller.journal_writable)
    lines.add(f.CLIENT_SETTINGS_WRITTEN, controller.settings_written)
    lines.add(f.HA_LED, controller.is_led)
    lines.add(f.HA_LEADER, controller.lease_ours)
    lines.add(f.HA_LEASE_REMAINING, controller.lease_remaining)
    lines.add(f.HA_UNACKNOWLEDGED, controller.unacknowledged)
    lines.add(f.HA_BALANCER_DISAGREES, controller.balancer_disagrees)
    lines.add(f.FAILOVER_EVENTS, controller.failovers)
    for server in facts.cluster.servers:
        if controller.active is not None:
            lines.add(f.SERVER_ACTIVE, controller.active == server.name, server.name)
            if facts.snapshot.server(server.name).checked_at is not None:
                lines.add(f.HA_SPLIT_BRAIN, server.name in controller.splits, server.name)
        for reading in facts.readings:
            pinned = (reading.balancer, server.name) in controller.pinned
            lines.add(f.HA_PINNED, pinned, reading.balancer, server.name)
