"""What a balancer needs next, decided from what is wanted and what it says; no I/O.

The law: a repair is made only when the worker is new, its epoch is empty or older, or the pins differ.
That HAProxy has another server active under our epoch is no repair: it moved by itself, and whether to
follow is the controller's decision. A loop that "repaired" that too would give the traffic back to a
primary seconds after its return.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rlm_exporter.haproxy.applied import Applied
from rlm_exporter.haproxy.view import AdminState, BalancerView, Desired

FOREIGN_HAND = timedelta(seconds=60)
"""How long a state that somebody else has set is left alone before it is put right."""


class Repair(StrEnum):
    """Why a balancer is steered again; the word is the metric label."""

    MOVE = "move"
    """Another server or a higher epoch is wanted."""
    NEW_WORKER = "new_worker"
    """A reload or a restart: the pins and the epoch are gone."""
    EPOCH_OLDER = "epoch_older"
    """A command that a dying worker took, or a balancer that was out of reach at the move."""
    PINS = "pins"
    """A server of ours that should be held is not."""
    RELEASE = "release"
    """A held server may serve again; needs a good direct probe, touches nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What to do, and why."""

    repair: Repair
    servers: frozenset[str] = frozenset()
    """The servers to release."""


def need(
    *,
    desired: Desired,
    view: BalancerView,
    applied: Applied | None,
    foreign_since: float | None,
    now: float,
) -> Need | None:
    """The next need of a balancer; None when all is as wanted, or is left alone on purpose.

    Moments are monotonic, in seconds.
    """
    if applied is None or applied.desired.epoch != desired.epoch or applied.desired.active != desired.active:
        return Need(repair=Repair.MOVE)
    if view.pid != applied.pid or view.epoch is None:
        return Need(repair=Repair.NEW_WORKER)
    if view.epoch < desired.epoch:
        return Need(repair=Repair.EPOCH_OLDER)
    if missing_pins(desired, view):
        by_our_own_change = not desired.pinned <= applied.held
        if by_our_own_change or _left_long_enough(foreign_since, now):
            return Need(repair=Repair.PINS)
        return None
    return _release(desired, view, applied, foreign_since, now)


def _release(
    desired: Desired, view: BalancerView, applied: Applied, foreign_since: float | None, now: float
) -> Need | None:
    if applied.is_settling(now):
        return None
    held = view.withdrawn - desired.pinned
    ours = held & applied.held
    servers = held if _left_long_enough(foreign_since, now) else ours
    return Need(repair=Repair.RELEASE, servers=servers) if servers else None


def missing_pins(desired: Desired, view: BalancerView) -> frozenset[str]:
    """Servers that should be held and are not. Of one without an address HAProxy does not tell."""
    return desired.pinned - view.pinned - view.unresolved


def foreign(*, desired: Desired, view: BalancerView, applied: Applied | None) -> bool:
    """Whether somebody else has changed administrative states under our epoch and worker."""
    if applied is None or applied.desired.epoch != desired.epoch or view.pid != applied.pid:
        return False
    missing = missing_pins(desired, view) & applied.held
    extra = view.withdrawn - desired.pinned - applied.held
    return bool(missing or extra)


def _left_long_enough(since: float | None, now: float) -> bool:
    return since is not None and now - since >= FOREIGN_HAND.total_seconds()


def shortfall(desired: Desired, view: BalancerView, *, active: str, held: frozenset[str]) -> str | None:
    """What is still not as a move to `active` wants it, read back; None when the balancer has it all.

    `held` are the servers that must not get connections at this moment: right after a move all others, so
    that no retry can land there; later the pinned ones.
    """
    unknown = unknown_servers(view)
    if unknown is not None:
        return unknown
    if view.epoch != desired.epoch:
        return f"its epoch is {view.epoch or 'empty'}, not {desired.epoch}"
    wanted = view.of(active)
    if any(line.admin is not AdminState.READY for line in wanted):
        return f"{active} is not ready: " + ", ".join(f"{line.backend} {line.status}" for line in wanted)
    loose = [
        line.server
        for server in sorted(held)
        for line in view.of(server)
        if line.admin is not AdminState.MAINT and line.admin is not AdminState.UNRESOLVED
    ]
    if loose:
        return f"{', '.join(dict.fromkeys(loose))} could still get connections"
    if view.active != active:
        return f"its table names {view.active or 'nobody'}, not {active}"
    return None


def unknown_servers(view: BalancerView) -> str | None:
    """Which servers HAProxy does not have under our names, in words; None when it has all."""
    if not view.unknown_servers:
        return None
    names = ", ".join(sorted(view.unknown_servers))
    return f"HAProxy does not know {names} in every backend: render its configuration again"


def out_of_its_reach(view: BalancerView, server: str) -> str | None:
    """Why HAProxy would send nobody to a server that nobody holds there; None when it would.

    To hold the others for such a server would leave clients with nobody.
    """
    line = view.license_line(server)
    if line is None or line.is_up or line.admin in {AdminState.MAINT, AdminState.DRAIN}:
        return None
    return f"HAProxy finds it {line.status}"
