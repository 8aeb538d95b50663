"""All clusters of a daemon, a line for each. Pure: ages are those of the daemon's picture, not of now."""

from collections.abc import Sequence

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.phrases import UNKNOWN, between
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone

_COLUMNS = (
    Column(title="CLUSTER"),
    Column(title="STATE"),
    Column(title="ACTIVE"),
    Column(title="FOR", right=True),
    Column(title="UP", right=True),
    Column(title="NEWS", long=True),
)

_NAME_ROOM = 24
"""Characters of a name."""

_AT_REST = frozenset({"active_healthy", "not_leader"})
"""Rules that are no news: the second one is what each daemon says that leaves a cluster to another."""


def clusters_sheet(clusters: Sequence[ClusterStatus]) -> Sheet:
    """Those that need somebody first, then by name."""
    if not clusters:
        return (Line(cells=(Cell("no clusters", Tone.QUIET),)),)
    wanted = sorted(clusters, key=lambda each: (each.healthy, each.ready, each.name))
    return (Table(columns=_COLUMNS, rows=tuple(map(_row, wanted))),)


def _row(status: ClusterStatus) -> tuple[Cell, ...]:
    since = status.active_since
    return (
        Cell(_short(status.name), Tone.STRONG),
        _state(status),
        Cell(status.active or UNKNOWN, Tone.PLAIN if status.active else Tone.BAD),
        Cell(UNKNOWN if since is None else between(since, status.taken_at)),
        _servers_up(status),
        _news(status),
    )


def _short(name: str) -> str:
    """The whole one stands in the JSON: the news need the room."""
    return name if len(name) <= _NAME_ROOM else f"{name[: _NAME_ROOM - 1]}\N{HORIZONTAL ELLIPSIS}"


def _state(status: ClusterStatus) -> Cell:
    if not status.healthy:
        return Cell("unhealthy", Tone.BAD)
    return Cell("healthy", Tone.GOOD) if status.ready else Cell("not ready", Tone.WARNING)


def _servers_up(status: ClusterStatus) -> Cell:
    up = sum(server.license.state == "up" for server in status.servers)
    return Cell(f"{up}/{len(status.servers)}", Tone.PLAIN if up == len(status.servers) else Tone.WARNING)


def _news(status: ClusterStatus) -> Cell:
    """The one thing that an operator has to know first; empty where all is as it should be."""
    failover = status.failover
    if failover.split_brain:
        return Cell(failover.split_brain[0].detail, Tone.BAD)
    if failover.operation is not None:
        operation = failover.operation
        return Cell(f"{operation.kind} to {operation.target} is under way", Tone.WARNING)
    if status.not_ready_because:
        return Cell(status.not_ready_because[0], Tone.WARNING)
    if failover.paused_until is not None:
        return Cell("automatic moves are paused", Tone.WARNING)
    if failover.decision is not None and failover.decision.rule not in _AT_REST:
        return Cell(f"{failover.decision.rule}: {failover.decision.detail}", Tone.WARNING)
    if failover.unacknowledged:
        return Cell(f"{failover.unacknowledged} automatic moves not acknowledged", Tone.WARNING)
    degraded = [
        f"{server.name}: {server.license.degraded}" for server in status.servers if server.license.degraded
    ]
    return Cell(degraded[0] if degraded else "", Tone.WARNING)
