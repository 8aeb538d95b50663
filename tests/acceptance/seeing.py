"""What acceptance tests ask of a stage, and what they have done on it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.demo.stage import START_LIMIT, Stage
from rlm_exporter.simulator.event import ClientKind, EventKind
from rlm_exporter.simulator.history import first_session_on

FAST = Choices(triggers=("detector",), detection="fast")
HOLDERS = 5
"""Clients that keep a seat."""


def under_load(stage: Stage) -> None:
    """The daemon runs, and clients are served."""
    stage.start_daemon()
    _under_load(stage)


def _under_load(stage: Stage) -> None:
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)


def halting_under_load(stage: Stage, moment: str, step: str) -> Path:
    """The same with a daemon that halts there: the file appears, and it goes on once that is removed."""
    gate = stage.folder / "gate"
    start_daemon_with_seam(stage, "halting_daemon.py", moment, step, str(gate))
    _under_load(stage)
    return gate


def start_daemon_with_seam(
    stage: Stage,
    program: str,
    *arguments: str,
    name: str = "rlm-ha",
    port: int | None = None,
    store: str | None = None,
) -> None:
    """One of the programs beside this file in the place of `rlm-ha serve`, by default with its journal."""
    state = stage.folder / "state"
    state.mkdir(exist_ok=True)
    port = port or stage.layout.daemon_port
    command = [
        *(sys.executable, str(Path(__file__).with_name(program))),
        *(str(stage.folder / "cluster.yaml"), str(port)),
        *(store or f"sqlite:///{state / 'journal.db'}", str(stage.folder / "rlmutil"), *arguments),
    ]
    stage.processes.start(name, command)
    wait_answers(stage, port)


def wait_answers(stage: Stage, port: int) -> None:
    """Until a daemon answers there."""
    url = f"http://127.0.0.1:{port}/-/healthy"
    stage.wait(lambda: stage.get(url) is not None, "a daemon", within=START_LIMIT)


def ask_for(stage: Stage, target: str) -> None:
    """A failover by hand; StageError when it is refused."""
    url = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/failover"
    stage.post(url, {"to": target, "requested_by": "test"})


def cluster(stage: Stage) -> dict[str, Any]:
    """The API's document of the cluster."""
    return answered(stage, stage.cluster)


def answered(stage: Stage, ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """What a daemon says that runs: where it is slow, `Stage.get` gives up before it has answered."""
    found: list[dict[str, Any]] = []

    def has_answered() -> bool:
        document = ask()
        if document is not None:
            found.append(document)
        return document is not None

    stage.wait(has_answered, "the daemon's answer", within=20)
    return found[0]


def server(stage: Stage, name: str) -> dict[str, Any]:
    """The API's document of one server."""
    found: dict[str, Any] = next(each for each in cluster(stage)["servers"] if each["name"] == name)
    return found


def rlm_ha(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as an operator runs it against the stage's daemon."""
    command = [sys.executable, "-m", "rlm_exporter.cli", *words, "--url", stage.layout.daemon_url]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


def licenses(stage: Stage, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`rlm-ha licenses VERB` for the stage's cluster."""
    return rlm_ha(stage, "licenses", verb, CLUSTER, *words)


def rule(stage: Stage) -> str | None:
    """The word of the last decision."""
    decision = cluster(stage)["failover"]["decision"]
    return None if decision is None else str(decision["rule"])


def held(stage: Stage) -> set[str]:
    """Servers in MAINT at the first balancer."""
    return {
        each["name"]
        for each in cluster(stage)["servers"]
        if each["balancers"] and each["balancers"][0]["status"].startswith("MAINT")
    }


def settled_on(stage: Stage, name: str) -> bool:
    """Whether journal and balancer have that server active under one epoch, and nothing is open."""
    seen = stage.cluster()
    if seen is None or seen["failover"]["operation"] is not None:
        return False
    balancer = seen["balancers"][0]
    return bool(seen["active"] == balancer["active"] == name and balancer["epoch"] == seen["epoch"])


def wait_ready(stage: Stage) -> None:
    """Until the daemon knows who is active and a failover would work."""
    stage.wait(lambda: bool((stage.cluster() or {}).get("ready")), "a cluster that is ready", within=30)


def wait_all_up(stage: Stage) -> None:
    """Until every server has been checked and is up: the cluster is ready before, with one standby."""

    def all_up() -> bool:
        return all(each["license"]["state"] == "up" for each in cluster(stage)["servers"])

    stage.wait(all_up, "every server checked and up", within=20)


def wait_free(stage: Stage) -> None:
    """Until no standby is held any more, as all are for some seconds after a first start or a move.

    Before the daemon has steered for the first time nobody is held either: that is still to come then.
    """

    def free() -> bool:
        seen = cluster(stage)
        steered = all(each["epoch"] == seen["epoch"] for each in seen["balancers"])
        return steered and held(stage) == set()

    stage.wait(free, "standbys that nobody holds", within=20)


def wait_served(stage: Stage, *, holders: int) -> None:
    """Until the clients that hold a seat all have one, and visitors get one."""

    def served() -> bool:
        granted = [event for event in stage.events() if event.kind is EventKind.SESSION]
        held = sum(event.client is ClientKind.HOLDER for event in granted)
        return held == holders and len(granted) > held

    stage.wait(served, "clients with a seat", within=20)


def moves(stage: Stage) -> list[dict[str, Any]]:
    """The journal's operations that moved somebody or were meant to, oldest first."""
    url = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/events"
    operations = answered(stage, lambda: stage.get(url))["operations"]
    return [each for each in reversed(operations) if each["kind"] != "first_start"]


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
