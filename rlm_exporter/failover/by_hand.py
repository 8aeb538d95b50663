"""What becomes of an operator's wish: refused with a reason, planned, or nothing to do. Pure.

Cooldown and the rules about alerts do not hold an operator back.
"""

from dataclasses import dataclass

from rlm_exporter.failover.candidates import why_not
from rlm_exporter.failover.situation import Situation
from rlm_exporter.failover.trigger import FailoverRequest, Refusal, RefusalKind
from rlm_exporter.store.records import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a failover by hand would do, for `--dry-run`."""

    source: str
    target: str
    steps: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyActive:
    """The target is active already: done, nothing changed."""

    server: str


Answer = Operation | Plan | AlreadyActive | Refusal


def judge(request: FailoverRequest, situation: Situation) -> Plan | AlreadyActive | Refusal:
    """The first thing that speaks against it, or the plan."""
    active = situation.record.active
    if request.expect_active is not None and request.expect_active != active:
        return Refusal(
            kind=RefusalKind.EXPECTATION,
            detail=f"{active} is active, not {request.expect_active}: look again before you move",
        )
    if request.target == active and situation.balancer_active in {None, active}:
        return AlreadyActive(server=active)
    unread = [reading.error or reading.balancer for reading in situation.readings if reading.view is None]
    if unread and not request.force:
        return Refusal(
            kind=RefusalKind.BALANCER_UNKNOWN,
            detail=f"not every balancer can be read ({'; '.join(unread)}); --force goes on with the others",
        )
    unfit = why_not(situation, situation.cluster.server(request.target))
    if unfit is not None and not request.force:
        return Refusal(
            kind=RefusalKind.TARGET_UNHEALTHY,
            detail=f"{unfit}; --force goes there if it at least takes connections",
        )
    return Plan(
        source=active,
        target=request.target,
        steps=_planned_steps(situation),
        warnings=_warnings(situation, unfit, unread),
    )


def _planned_steps(situation: Situation) -> tuple[str, ...]:
    policy = situation.cluster.failover
    names = ", ".join(reading.balancer for reading in situation.readings)
    return (
        *(("before hooks",) if policy.before else ()),
        *((f"fence {situation.record.active}",) if policy.fence is not None else ()),
        f"apply on {names}" if names else "no balancer to steer",
        "verify through every balancer" if names else "verify directly",
        "commit",
        *(("after hooks",) if policy.after else ()),
    )


def _warnings(situation: Situation, unfit: str | None, unread: list[str]) -> tuple[str, ...]:
    until = situation.record.cooldown_until
    cooling = until is not None and situation.now < until
    return (
        *((unfit,) if unfit is not None else ()),
        *unread,
        *(("the cooldown of the last automatic move still runs",) if cooling else ()),
    )
