"""Who could take over, best first."""

import math

from rlm_exporter.failover.situation import Situation
from rlm_exporter.manifest.model import CandidateOrder, Server, Takeover
from rlm_exporter.probe.health import missing_features
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.store.records import PinKind

GOOD_CHECKS = 2
"""Checks in a row that a candidate has passed: license service and every wanted ISV server."""


def candidates(
    situation: Situation, *, excluded: frozenset[str] = frozenset(), good_checks: int = GOOD_CHECKS
) -> tuple[str, ...]:
    """The healthy standbys, best first.

    Most wanted features first, then the balancer's current one (no second move), then unpinned before
    pinned, then with `tuning.candidates: latency` the one that answers sooner, then the manifest's order. A
    server in maintenance is none.
    """
    usable = [
        (rank, server)
        for rank, server in enumerate(situation.cluster.servers)
        if server.name != situation.record.active
        and server.name not in excluded
        and not in_maintenance(situation, server.name)
        and _good_in_a_row(situation, server.name) >= good_checks
    ]
    usable.sort(
        key=lambda item: (
            -features_present(situation, situation.snapshot.server(item[1].name)),
            item[1].name != situation.balancer_active,
            item[1].name in situation.pinned,
            _latency(situation, item[1].name),
            item[0],
        )
    )
    return tuple(server.name for _, server in usable)


def _latency(situation: Situation, name: str) -> int:
    """In steps of twice the time, so that what differs by chance is the same."""
    result = situation.snapshot.server(name).license
    if situation.cluster.tuning.candidates is CandidateOrder.PREFERENCE or result is None:
        return 0
    milliseconds = result.duration.total_seconds() * 1000
    return math.ceil(math.log2(max(1.0, milliseconds)))


def has_pools(part: ServerSnapshot) -> bool:
    """Whether the server answers, and with the wanted pools."""
    return part.health.is_up and part.health.degraded is None


def preferred(situation: Situation) -> str:
    """Where a failback leads: the first server of the manifest that is not in maintenance."""
    names = [server.name for server in situation.cluster.servers]
    return next((name for name in names if not in_maintenance(situation, name)), names[0])


def _good_in_a_row(situation: Situation, name: str) -> int:
    health = situation.snapshot.server(name).health
    # With RLM's own takeover a standby without pools is healthy, and serves nobody until RLM says so.
    return health.with_pools if situation.cluster.takeover is Takeover.NATIVE else health.successes


def is_pinned(situation: Situation, server: str) -> bool:
    """Whether we hold that server."""
    return server in situation.pinned


def features_present(situation: Situation, part: ServerSnapshot) -> int:
    """How many of the wanted features have a pool there that can serve somebody."""
    if part.status is None:
        return 0
    at = part.checked_at or situation.now
    return len(situation.cluster.features) - len(missing_features(part.status, situation.cluster, at=at))


def why_not(situation: Situation, server: Server) -> str | None:
    """Why an operator cannot have a server that he names, in words; None when he can.

    One good check is enough for him: the target is probed again before, and verified after the move.
    """
    part = situation.snapshot.server(server.name)
    if in_maintenance(situation, server.name):
        return f"{server.name} is in maintenance"
    if not part.health.known:
        return f"{server.name} has not been checked yet"
    if part.health.failure is not None:
        return f"{server.name} is down: {part.health.failure.detail}"
    return None


def in_maintenance(situation: Situation, server: str) -> bool:
    """Whether an operator has taken that server out."""
    return any(pin.server == server and pin.kind is PinKind.MAINTENANCE for pin in situation.record.pins)
