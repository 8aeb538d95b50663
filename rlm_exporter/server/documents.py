"""What the API says of a cluster and its operations, as plain documents. Pure: time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rlm_exporter.failover.external import HealthReport
from rlm_exporter.failover.memory import Standing
from rlm_exporter.failover.reasons import NUMBERS
from rlm_exporter.failover.spans import cooldown_left
from rlm_exporter.failover.split import Split
from rlm_exporter.haproxy.view import BalancerReading
from rlm_exporter.manifest.model import Cluster, FailoverPolicy, Server
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.rlm.holders import DoubleHolder, double_holders
from rlm_exporter.rlm.status import Permanent, Pool
from rlm_exporter.server.failover_license import failover_license
from rlm_exporter.store.records import AlertRecord, HeldDecision, Operation, Pin, Step
from rlm_exporter.sync.drift import ServerDrift, in_words

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """All that the API knows of one cluster at one moment."""

    cluster: Cluster
    snapshot: ClusterSnapshot
    readings: tuple[BalancerReading, ...]
    standing: Standing
    last_operation: Operation | None
    alerts: tuple[AlertRecord, ...]
    now: datetime
    reports: tuple[HealthReport, ...] = ()
    """What other monitors said."""
    drifts: Mapping[str, ServerDrift] = field(default_factory=dict)
    """What was seen of the servers' license files, by server."""
    journal_readable: bool = True
    unacknowledged: int | None = None
    """Automatic moves that no operator has acknowledged; None where the journal could not tell."""


def not_ready_because(
    *, cluster: Cluster, snapshot: ClusterSnapshot, readings: tuple[BalancerReading, ...], standing: Standing
) -> tuple[str, ...]:
    """Why a failover would not work now; empty when it would."""
    active = standing.record.active if standing.record is not None else None
    standbys = [part for part in snapshot.servers if part.server != active and part.health.is_up]
    reasons = [] if active is not None else ["who is active is not known yet"]
    if not standbys:
        reasons.append("no standby is healthy")
    for reading in readings:
        if reading.view is None:
            reasons.append(f"balancer {reading.balancer}: {reading.error}")
        elif reading.refuses is not None:
            reasons.append(f"balancer {reading.balancer} takes no commands: {reading.refuses}")
        elif reading.masters:
            pids = " and ".join(map(str, reading.masters))
            reasons.append(f"balancer {reading.balancer}: two HAProxy answer in turns (pids {pids}); end one")
        elif reading.view.unknown_servers:
            names = ", ".join(sorted(reading.view.unknown_servers))
            reasons.append(f"balancer {reading.balancer} does not know {names} in every backend")
    if not standing.store_writable:
        reasons.append("the journal cannot be written")
    return tuple(reasons)


def _not_ready(state: ClusterState) -> tuple[str, ...]:
    reasons = not_ready_because(
        cluster=state.cluster, snapshot=state.snapshot, readings=state.readings, standing=state.standing
    )
    return reasons if state.journal_readable else (*reasons, "the journal cannot be read")


def is_healthy(state: ClusterState) -> bool:
    """Whether clients are served now, as far as we know."""
    record = state.standing.record
    return record is not None and state.snapshot.server(record.active).health.is_up


def cluster_document(state: ClusterState) -> Document:
    """The whole state of a cluster."""
    record = state.standing.record
    reasons = _not_ready(state)
    return {
        "name": state.cluster.name,
        "healthy": is_healthy(state),
        "ready": not reasons,
        "not_ready_because": list(reasons),
        "active": record.active if record else None,
        "active_host": state.cluster.server(record.active).host if record else None,
        "active_since": _iso(record.active_since) if record else None,
        "epoch": record.epoch if record else None,
        "taken_at": _iso(state.snapshot.taken_at),
        "servers": [_server(state, server) for server in state.cluster.servers],
        "balancers": [_balancer(reading) for reading in state.readings],
        "failover": _failover(state),
    }


def _server(state: ClusterState, server: Server) -> Document:
    part = state.snapshot.server(server.name)
    record = state.standing.record
    return {
        "name": server.name,
        "role": server.role,
        "host": server.host,
        "port": server.port,
        "web_port": server.web_port,
        "active": record is not None and record.active == server.name,
        "license": _license(part, state.now),
        "isvs": [
            {"name": row.name, "port": row.port, "running": row.running, "restarts": row.restarts}
            for row in (part.status.isvs if part.status else ())
        ],
        "web": _web(state.cluster, part),
        "seats": _seats(part),
        "pools": [_pool(pool) for pool in (part.status.pools if part.status else ())],
        "double_holders": [
            _double(holder) for holder in double_holders(part.status.checkouts if part.status else ())
        ],
        "version": part.status.server.version if part.status and part.status.server else None,
        "pinned": [pin.kind.value for pin in (record.pins if record else ()) if pin.server == server.name],
        "balancers": [
            {"balancer": reading.balancer, "status": line.status, "sessions": line.sessions}
            for reading in state.readings
            if reading.view is not None and (line := reading.view.license_line(server.name)) is not None
        ],
        "external": [_report(each, state.now) for each in state.reports if each.server == server.name],
        "license_files": _drift(state.drifts.get(server.name), state.now),
    }


def _drift(drift: ServerDrift | None, now: datetime) -> Document | None:
    if drift is None:
        return None
    return {
        "in_step": drift.in_step,
        "fits_machine": drift.fits_machine,
        "detail": in_words(drift) or None,
        "files": [
            {"name": file.name, "state": file.state.value, "detail": file.detail or None}
            for file in drift.files
        ],
        "trouble": drift.trouble,
        "looked_at": _iso(drift.at),
        "age_seconds": _seconds(now - drift.at),
    }


def _license(part: ServerSnapshot, now: datetime) -> Document:
    health = part.health
    state = "unknown" if not health.known else "up" if health.is_up else "down"
    return {
        "state": state,
        "reason": health.failure.reason.value if health.failure else None,
        "detail": health.failure.detail if health.failure else None,
        "degraded": health.degraded.detail if health.degraded else None,
        "consecutive_failures": health.failures,
        "consecutive_successes": health.successes,
        "checked_at": _iso(part.checked_at),
        "age_seconds": _seconds(now - part.checked_at) if part.checked_at else None,
        "response_seconds": _seconds(part.license.duration) if part.license else None,
    }


def _report(report: HealthReport, now: datetime) -> Document:
    stated = "up" if report.healthy else "down"
    return {
        "source": "external",
        "reporter": report.reporter,
        "component": report.component.value,
        "state": stated if report.is_fresh(now) else "unknown",
        "healthy": report.healthy,
        "at": _iso(report.at),
        "age_seconds": _seconds(now - report.at),
        "ttl_seconds": _seconds(report.ttl),
    }


def _web(cluster: Cluster, part: ServerSnapshot) -> Document:
    if not cluster.health_check.check_web:
        return {"state": "off", "http_status": None, "detail": None}
    if part.web is None or part.web.ours:
        return {"state": "unknown", "http_status": None, "detail": None}
    return {
        "state": "up" if part.web.ok else "down",
        "http_status": part.web.payload.status if part.web.payload else None,
        "detail": part.web.failure.detail if part.web.failure else None,
    }


def _seats(part: ServerSnapshot) -> Document | None:
    if part.status is None:
        return None
    counted = [pool for pool in part.status.pools if pool.inuse is not None and pool.issued is not None]
    if not counted:
        return None
    return {
        "in_use": sum(pool.inuse or 0 for pool in counted),
        "issued": sum(pool.issued or 0 for pool in counted),
    }


def _pool(pool: Pool) -> Document:
    expires = pool.expires
    return {
        "isv": pool.isv,
        "product": pool.product,
        "version": pool.version,
        "issued": pool.issued,
        "reserved": pool.reservations,
        "in_use": pool.inuse,
        "expires": expires.value
        if isinstance(expires, Permanent)
        else expires.isoformat()
        if expires
        else None,
    }


def _double(holder: DoubleHolder) -> Document:
    return {
        "isv": holder.isv,
        "product": holder.product,
        "host": holder.host,
        "versions": list(holder.versions),
        "users": list(holder.users),
    }


def _balancer(reading: BalancerReading) -> Document:
    view = reading.view
    return {
        "name": reading.balancer,
        "reachable": view is not None,
        "error": reading.error,
        "refuses": reading.refuses,
        "masters": list(reading.masters),
        "active": view.active if view else None,
        "epoch": view.epoch if view else None,
        "pid": view.pid if view else None,
        "unknown_servers": sorted(view.unknown_servers) if view else [],
        "web_differs": view.web_differs if view else None,
    }


def _failover(state: ClusterState) -> Document:
    policy = state.cluster.failover
    standing = state.standing
    record = standing.record
    return {
        "automatic": policy.automatic,
        "takeover": state.cluster.takeover.value,
        "license": failover_license(state.cluster, state.snapshot, now=state.now),
        "failback": state.cluster.failback.value,
        "detection": policy.detection.value,
        "triggers": sorted(source.value for source in policy.triggers),
        "threshold": policy.threshold,
        "cooldown_seconds": _seconds(policy.cooldown),
        "cooldown_remaining_seconds": _seconds(cooldown_remaining(standing, policy, state.now)),
        "paused_until": _iso(paused_until(standing, state.now)),
        "acknowledged_at": _iso(record.acknowledged_at) if record else None,
        "unacknowledged": state.unacknowledged,
        "pins": [_pin(pin) for pin in (record.pins if record else ())],
        "lease": _lease(standing),
        "decision": _decision(standing),
        "split_brain": [_split(split) for split in standing.splits],
        "alerts_firing": [_alert(alert) for alert in state.alerts],
        "operation": operation_document(standing.operation) if standing.operation else None,
        "last_operation": operation_document(state.last_operation) if state.last_operation else None,
    }


def _lease(standing: Standing) -> Document | None:
    lease = standing.lease
    if lease is None:
        return None
    return {
        "ours": lease.ours,
        "holder": lease.holder,
        "url": lease.url,
        "remaining_seconds": round(lease.remaining, 3),
        "trouble": lease.trouble or None,
    }


def _split(split: Split) -> Document:
    return {
        "server": split.server,
        "detail": split.detail,
        "checkouts": len(split.checkouts),
        "connections": split.arrived,
    }


def cooldown_remaining(standing: Standing, policy: FailoverPolicy, now: datetime) -> timedelta:
    """How long the cooldown still runs; 0 when it does not."""
    return cooldown_left(standing.record, policy, now) if standing.record else timedelta()


def paused_until(standing: Standing, now: datetime) -> datetime | None:
    """When the pause ends; None when there is none."""
    until = standing.record.paused_until if standing.record else None
    return until if until is not None and until > now else None


def _decision(standing: Standing) -> Document | None:
    if standing.decision is None:
        return None
    return {
        "number": NUMBERS.get(standing.decision.reason),
        "rule": standing.decision.reason.value,
        "detail": standing.decision.detail,
        "at": _iso(standing.decided_at),
        "trigger": standing.trigger.kind.value if standing.trigger else None,
    }


def operation_document(operation: Operation) -> Document:
    """One operation with its steps and the alerts of its incident."""
    return {
        "id": operation.id,
        "cluster": operation.cluster,
        "kind": operation.kind.value,
        "rule": operation.rule,
        "state": operation.state.value,
        "outcome": operation.outcome,
        "from": operation.source,
        "to": operation.target,
        "epoch": operation.epoch,
        "requested_by": operation.requested_by,
        "reason": operation.reason,
        "trigger": operation.trigger,
        "started_at": _iso(operation.started_at),
        "committed_at": _iso(operation.committed_at),
        "ended_at": _iso(operation.ended_at),
        "steps": [_step(step) for step in operation.steps],
        "alerts": [_alert(alert) for alert in operation.alerts],
    }


def held_document(decision: HeldDecision) -> Document:
    """One decision that held."""
    return {
        "id": decision.id,
        "at": _iso(decision.at),
        "rule": decision.rule,
        "trigger": decision.trigger,
        "detail": decision.detail,
    }


def _step(step: Step) -> Document:
    return {
        "number": step.number,
        "step": step.step,
        "target": step.target,
        "epoch": step.epoch,
        "intent_at": _iso(step.intent_at),
        "done_at": _iso(step.done_at),
        "outcome": step.outcome.value if step.outcome else None,
        "detail": step.detail,
    }


def _alert(alert: AlertRecord) -> Document:
    return {
        "fingerprint": alert.fingerprint,
        "alertname": alert.alertname,
        "server": alert.server,
        "status": alert.status,
        "starts_at": _iso(alert.starts_at),
        "first_seen": _iso(alert.first_seen),
        "last_seen": _iso(alert.last_seen),
        "deliveries": alert.deliveries,
    }


def _pin(pin: Pin) -> Document:
    return {
        "server": pin.server,
        "kind": pin.kind.value,
        "since": _iso(pin.since),
        "until": _iso(pin.until),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)
