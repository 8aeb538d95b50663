"""What acceptance tests ask of a stage."""

import time
from datetime import datetime
from typing import Any

from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import ClientKind, EventKind
from rlm_exporter.simulator.history import Commit, first_session_on, returns_without_commit


def wait_ready(stage: Stage) -> None:
    """Until the daemon knows who is active and a failover would work."""
    stage.wait(lambda: bool((stage.cluster() or {}).get("ready")), "a cluster that is ready", within=30)


def wait_served(stage: Stage, *, holders: int) -> None:
    """Until the clients that hold a seat all have one, and visitors get one."""

    def served() -> bool:
        granted = [event for event in stage.events() if event.kind is EventKind.SESSION]
        held = sum(event.client is ClientKind.HOLDER for event in granted)
        return held == holders and len(granted) > held

    stage.wait(served, "clients with a seat", within=20)


def moves(stage: Stage) -> list[dict[str, Any]]:
    """The journal's operations that moved somebody or were meant to, oldest first."""
    return [operation for operation in stage.operations() if operation["kind"] != "first_start"]


def wait_moved(stage: Stage, *, within: float = 40) -> dict[str, Any]:
    """The first such operation, once it has ended."""

    def ended() -> bool:
        return any(operation["ended_at"] for operation in moves(stage))

    stage.wait(ended, "an operation in the journal that has ended", within=within)
    return moves(stage)[0]


def seconds_until_served_by(stage: Stage, server: str, *, after: float, within: float) -> float:
    """From `after` (monotonic) to the first seat that the server gave to somebody who came later."""

    def served() -> bool:
        return first_session_on(stage.events(), server, after=after) is not None

    stage.wait(served, f"a client served by {server}", within=within)
    first = first_session_on(stage.events(), server, after=after)
    assert first is not None
    return first.ended - after


def watch(stage: Stage, seconds: float) -> None:
    """Let the clients go on for so long: what must not happen can only be waited for."""
    until = time.monotonic() + seconds
    stage.wait(lambda: time.monotonic() >= until, "the end of watching", within=seconds + 5)


def unlawful_returns(stage: Stage) -> tuple[str, ...]:
    """Every breach of: once B served after A, A serves nobody until a later commit names A."""
    offset = time.time() - time.monotonic()
    commits = [
        Commit(
            active=operation["to"],
            time=_monotonic(operation["committed_at"], offset),
            begun=_monotonic(operation["started_at"], offset),
        )
        for operation in stage.operations()
        if operation["state"] == "committed"
    ]
    return returns_without_commit(stage.events(), commits)


def _monotonic(moment: str, offset: float) -> float:
    return datetime.fromisoformat(moment).timestamp() - offset
