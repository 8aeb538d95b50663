"""What becomes of an operator's wish: refused with a reason, planned, or nothing to do. Pure.

Cooldown, pause and the rules about alerts do not hold an operator back; a warning says that they run.
"""

from dataclasses import dataclass
from datetime import timedelta

from rlm_exporter.failover.candidates import candidates, preferred, why_not
from rlm_exporter.failover.reasons import Seen
from rlm_exporter.failover.situation import Situation
from rlm_exporter.failover.trigger import FailoverRequest, MaintenanceRequest, Refusal, RefusalKind
from rlm_exporter.haproxy.plan import unknown_servers
from rlm_exporter.haproxy.view import BalancerReading
from rlm_exporter.store.records import Operation, OperationKind, PinKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a move by hand would do, for `--dry-run`."""

    source: str
    target: str
    kind: OperationKind
    steps: tuple[str, ...]
    warnings: tuple[str, ...]
    rules: tuple[Seen, ...] = ()
    """What the rules for automatic moves make of the same moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyActive:
    """The target is active already: done, nothing changed."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A wish that needed no operation has been carried out."""

    detail: str


Answer = Operation | Plan | AlreadyActive | Done | Refusal


def judge(request: FailoverRequest, situation: Situation) -> Plan | AlreadyActive | Refusal:
    """The first thing that speaks against it, or the plan."""
    active = situation.record.active
    target = request.target or preferred(situation)
    if request.expect_active is not None and request.expect_active != active:
        return Refusal(
            kind=RefusalKind.EXPECTATION,
            detail=f"{active} is active, not {request.expect_active}: look again before you move",
        )
    if target == active and not situation.active_elsewhere:
        return AlreadyActive(server=active)
    planned = request.kind is not OperationKind.FAILOVER
    refusal = _active_unfit(situation) if planned else None
    return refusal or _target_judged(request, target, situation, force=request.force and not planned)


def judge_maintenance(request: MaintenanceRequest, situation: Situation) -> Refusal | str | None:
    """A refusal; the server to move to first; or None when it can be done at once."""
    if not request.enable or request.server != situation.record.active:
        return None
    if not request.switchover:
        return Refusal(
            kind=RefusalKind.SERVES_NOW,
            detail=f"{request.server} serves clients now: move them first, or let it be done (--switchover)",
        )
    # One good check is enough by hand: the target is probed before the move and verified after it.
    there = next(iter(candidates(situation, good_checks=1)), None)
    if there is None:
        return Refusal(kind=RefusalKind.TARGET_UNHEALTHY, detail="no other server is healthy")
    return there


def _active_unfit(situation: Situation) -> Refusal | None:
    part = situation.active
    if part.health.is_up:
        return None
    told = part.health.failure.detail if part.health.failure else "it has not been checked yet"
    return Refusal(
        kind=RefusalKind.ACTIVE_UNHEALTHY,
        detail=f"{part.server} is not healthy ({told}): a planned move has nothing to plan; use failover",
    )


def _target_judged(
    request: FailoverRequest, target: str, situation: Situation, *, force: bool
) -> Plan | Refusal:
    unread = [_why_unsteerable(reading) for reading in situation.readings if not reading.steerable]
    if unread and not force:
        return Refusal(
            kind=RefusalKind.BALANCER_UNKNOWN,
            detail=f"not every balancer can be steered ({'; '.join(unread)}); "
            "a failover with --force goes on with the others",
        )
    unfit = why_not(situation, situation.cluster.server(target))
    if unfit is not None and not force:
        return Refusal(
            kind=RefusalKind.TARGET_UNHEALTHY,
            detail=f"{unfit}; a failover with --force goes there if it at least takes connections",
        )
    return Plan(
        source=situation.record.active,
        target=target,
        kind=_kind(request, situation),
        steps=_planned_steps(situation, target),
        warnings=_warnings(situation, target, unfit, unread),
    )


def _why_unsteerable(reading: BalancerReading) -> str:
    unknown = None if reading.view is None else unknown_servers(reading.view)
    if unknown is not None:
        return f"{reading.balancer}: {unknown}"
    return reading.error or reading.refuses or reading.balancer


def _kind(request: FailoverRequest, situation: Situation) -> OperationKind:
    """A failover away from a healthy server is in truth a switchover, and is written down as one.

    A forced one goes on with the balancers that are left, which no planned move does.
    """
    if request.kind is OperationKind.FAILOVER and situation.active.health.is_up and not request.force:
        return OperationKind.SWITCHOVER
    return request.kind


def _planned_steps(situation: Situation, target: str) -> tuple[str, ...]:
    policy, source = situation.cluster.failover, situation.record.active
    names = ", ".join(reading.balancer for reading in situation.readings)
    return (
        *(("before hooks",) if policy.before else ()),
        *((f"fence {source}",) if policy.fence is not None and source != target else ()),
        f"apply on {names}" if names else "no balancer to steer",
        "verify through every balancer" if names else "verify directly",
        "commit",
        *(("after hooks",) if policy.after else ()),
    )


def _warnings(situation: Situation, target: str, unfit: str | None, unread: list[str]) -> tuple[str, ...]:
    record = situation.record
    cooling = situation.cooldown_left > timedelta()
    paused = record.paused_until is not None and situation.now < record.paused_until
    return (
        *((unfit,) if unfit is not None else ()),
        *unread,
        *_still_held(situation, target),
        *(("the cooldown of the last automatic move still runs",) if cooling else ()),
        *(("the cluster is paused",) if paused else ()),
    )


def _still_held(situation: Situation, target: str) -> tuple[str, ...]:
    """That the target is one which clients were led away from, and has not proved itself since."""
    return tuple(
        f"{target} is held since clients were led away from it at {pin.since:%Y-%m-%d %H:%M:%S} UTC, and has "
        "not answered well for long enough since; the move ends that"
        for pin in situation.record.pins
        if pin.server == target and pin.kind is PinKind.FAILOVER
    )
