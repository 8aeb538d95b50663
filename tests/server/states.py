"""Clusters as the status page and the API may find them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from rlm_exporter.failover.external import Component, HealthReport
from rlm_exporter.failover.memory import Standing
from rlm_exporter.failover.reasons import Hold, Reason
from rlm_exporter.failover.trigger import Trigger, TriggerKind
from rlm_exporter.haproxy.view import BalancerReading, Desired
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import ClusterSnapshot, Health, ServerSnapshot
from rlm_exporter.server.documents import ClusterState
from rlm_exporter.store.records import (
    AlertRecord,
    AlertStatus,
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    PinKind,
    Step,
    StepOutcome,
)
from tests.metrics.situations import (
    NOW,
    cluster,
    line,
    readings,
    record,
    server_down,
    server_up,
    snapshot,
    status,
)

HOSTILE = "<script>alert('x')</script>\"&"


def standing(**changes: Any) -> Standing:
    """rlm1 serves under epoch 7, and nothing is the matter."""
    known: dict[str, Any] = {
        "record": record(),
        "desired": Desired(epoch=7, active="rlm1"),
        "decision": Hold(reason=Reason.ACTIVE_HEALTHY, detail="rlm1 answers"),
        "decided_at": NOW - timedelta(seconds=12),
        "trigger": Trigger(kind=TriggerKind.DETECTOR),
        "operation": None,
        "store_writable": True,
    }
    return Standing(**known | changes)


def state(**changes: Any) -> ClusterState:
    """Three healthy servers behind one balancer."""
    answer = status("15.2-two-isvs")
    known: dict[str, Any] = {
        "cluster": cluster(),
        "snapshot": ClusterSnapshot(
            cluster="rlm-ha-cluster",
            taken_at=NOW,
            servers=tuple(server_up(name, answer) for name in ("rlm1", "rlm2", "rlm3")),
        ),
        "readings": (all_up(),),
        "standing": standing(),
        "last_operation": operation(
            kind=OperationKind.FAILBACK,
            state=OperationState.COMMITTED,
            outcome="done",
            source="rlm2",
            target="rlm1",
            epoch=7,
            requested_by="ada",
            reason="rlm1 has its new disks",
            started_at=NOW - timedelta(hours=3),
            committed_at=NOW - timedelta(hours=3),
            ended_at=NOW - timedelta(hours=3),
        ),
        "alerts": (),
        "now": NOW,
        "unacknowledged": 0,
    }
    return ClusterState(**known | changes)


def all_up() -> BalancerReading:
    """lb1 holds nobody and sends to rlm1."""
    reading = readings()[0]
    assert reading.view is not None
    lines = tuple(line(each.server, "UP") for each in reading.view.lines)
    return replace(reading, view=replace(reading.view, lines=lines))


def nothing_known() -> ClusterState:
    """The first second of a daemon's life."""
    return state(
        snapshot=ClusterSnapshot(
            cluster="rlm-ha-cluster",
            taken_at=NOW,
            servers=tuple(ServerSnapshot(server=name) for name in ("rlm1", "rlm2", "rlm3")),
        ),
        readings=(BalancerReading(balancer="lb1", at=NOW, view=None, error="it has not been read yet"),),
        standing=standing(record=None, desired=None, decision=None, decided_at=None, trigger=None),
        last_operation=None,
        unacknowledged=None,
    )


def degraded() -> ClusterState:
    """rlm1 lacks a product, rlm2's web interface is ill, rlm3 is dead; one of two balancers is away."""
    missing = Failure(reason=FailureReason.POOLS_MISSING, detail="no pool of solver (ACME)")
    seen = snapshot()
    first = replace(seen.servers[0], health=Health(successes=3, degraded=missing))
    pins = (Pin(server="rlm2", kind=PinKind.FAILOVER, since=NOW - timedelta(minutes=2)),)
    known = replace(
        record(),
        pins=pins,
        cooldown_until=NOW + timedelta(seconds=180),
        paused_until=NOW + timedelta(hours=2),
    )
    return state(
        snapshot=replace(seen, servers=(first, *seen.servers[1:])),
        readings=readings(),
        standing=standing(
            record=known, decision=Hold(reason=Reason.POOLS_MISSING, detail="rlm1 has no pool of solver")
        ),
        unacknowledged=1,
    )


def moving() -> ClusterState:
    """rlm1 is dead, and an operation to rlm2 is at work."""
    opened = operation()
    answer = status("15.2-two-isvs")
    return state(
        snapshot=ClusterSnapshot(
            cluster="rlm-ha-cluster",
            taken_at=NOW,
            servers=(server_down("rlm1"), server_up("rlm2", answer), server_up("rlm3", answer)),
        ),
        standing=standing(operation=opened),
        last_operation=opened,
        alerts=opened.alerts,
    )


def hostile() -> ClusterState:
    """Whatever somebody else can write, he has written markup."""
    known = degraded()
    failure = Failure(reason=FailureReason.GARBAGE, detail=HOSTILE)
    first = replace(known.snapshot.servers[0], health=Health(failures=2, failure=failure))
    reading = known.readings[0]
    assert reading.view is not None
    first_line = replace(reading.view.lines[0], status=HOSTILE)
    view = replace(reading.view, lines=(first_line,), unknown_servers=frozenset({HOSTILE}))
    opened = operation(reason=HOSTILE, requested_by=HOSTILE)
    return replace(
        known,
        snapshot=replace(known.snapshot, servers=(first, *known.snapshot.servers[1:])),
        readings=(
            replace(reading, view=view),
            BalancerReading(balancer="lb2", at=NOW, view=None, error=HOSTILE),
        ),
        standing=standing(
            operation=replace(
                opened,
                steps=(replace(opened.steps[0], detail=HOSTILE), *opened.steps[1:]),
                alerts=(replace(opened.alerts[0], alertname=HOSTILE),),
            ),
            decision=Hold(reason=Reason.ACTIVE_HEALTHY, detail=HOSTILE),
        ),
        alerts=(replace(opened.alerts[0], alertname=HOSTILE, server=HOSTILE),),
        reports=(report(reporter=HOSTILE),),
    )


def report(server: str = "rlm1", **changes: Any) -> HealthReport:
    """A monitor's word, twelve seconds old: healthy."""
    known: dict[str, Any] = {
        "component": Component.SERVER,
        "healthy": True,
        "reporter": "mon1",
        "at": NOW - timedelta(seconds=12),
    }
    return HealthReport(server=server, **known | changes)


def operation(**changes: Any) -> Operation:
    """A failover to rlm2 that is being verified."""
    began = NOW - timedelta(seconds=3)
    known: dict[str, Any] = {
        "id": 12,
        "cluster": "rlm-ha-cluster",
        "kind": OperationKind.FAILOVER,
        "rule": "failed_over",
        "state": OperationState.OPEN,
        "outcome": "",
        "source": "rlm1",
        "target": "rlm2",
        "epoch": 8,
        "requested_by": "controller",
        "reason": "rlm1 is confirmed down: nothing listens there",
        "trigger": "alert",
        "started_at": began,
        "steps": (
            Step(
                number=1,
                step="apply",
                target="rlm2",
                epoch=8,
                intent_at=began,
                done_at=began + timedelta(milliseconds=40),
                outcome=StepOutcome.DONE,
                detail="lb1 send to rlm2",
            ),
            Step(number=2, step="verify", target="rlm2", epoch=8, intent_at=began + timedelta(seconds=1)),
        ),
        "alerts": (
            AlertRecord(
                fingerprint="93ab1c0f5b2d7e11",
                starts_at=began,
                status=AlertStatus.FIRING,
                cluster="rlm-ha-cluster",
                alertname="RLMFailoverWanted",
                server="rlm1",
                first_seen=began,
                last_seen=began,
            ),
        ),
    }
    return Operation(**known | changes)


def committed(**changes: Any) -> ClusterRecord:
    """The record, with something changed."""
    return replace(record(), **changes)
