"""Stages for the measurements of a failover, and what is asked of one."""

import contextlib
import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from rlm_exporter.demo.layout import CLUSTER, SERVERS, Choices
from rlm_exporter.demo.processes import Interrupts, StageError
from rlm_exporter.demo.programs import find_programs, free_layout
from rlm_exporter.demo.stage import Stage
from rlm_exporter.failover.steps import StepName
from rlm_exporter.simulator.event import ClientKind, EventKind
from rlm_exporter.simulator.history import first_session_on, read_events

HOLDERS = 5
NEXT = {"rlm1": "rlm2", "rlm2": "rlm3", "rlm3": "rlm1"}
_NUMBERS = itertools.count(1)


@contextlib.contextmanager
def stage_of(interrupts: Interrupts, choices: Choices) -> Iterator[Stage]:
    """A stage with its files written and its license servers running, on addresses of its own."""
    programs, there = find_programs(), tempfile.gettempdir()
    # A unix socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="rlm-ha-bench-", dir=there if len(there) < 60 else "/tmp"))  # noqa: S108
    stage = Stage(
        folder=folder,
        layout=free_layout(f"127.92.{next(_NUMBERS) % 250}"),
        choices=choices,
        programs=programs,
        interrupts=interrupts,
    )
    try:
        stage.write_files()
        for server in SERVERS:
            stage.start_server(server)
        yield stage
    except StageError as error:
        kept = folder.with_name(f"{folder.name}-failed")
        stage.end()
        shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("*.sock"))
        raise StageError(f"{error} (all of it is kept in {kept})") from error
    finally:
        stage.end()
        shutil.rmtree(folder, ignore_errors=True)


def under_control(stage: Stage, *, holders: int | None = HOLDERS, rate: float = 50.0) -> None:
    """HAProxy and the daemon run, all servers are up, and clients are served; None = without clients."""
    stage.start_haproxy()
    stage.start_daemon()
    wait_all_up(stage)
    if holders is not None:
        stage.start_clients(holders=holders, rate=rate)
        wait_served(stage, holders=holders)


def wait_all_up(stage: Stage) -> None:
    """Until a failover would work, to any server."""

    def up() -> bool:
        seen = stage.cluster()
        return bool(
            seen and seen["ready"] and all(each["license"]["state"] == "up" for each in seen["servers"])
        )

    stage.wait(up, "a cluster of which all servers are up", within=40)


def wait_served(stage: Stage, *, holders: int) -> None:
    """Until every client that holds a seat has one, and another client got one."""

    def served() -> bool:
        granted = [event for event in stage.events() if event.kind is EventKind.SESSION]
        held = sum(event.client is ClientKind.HOLDER for event in granted)
        return held == holders and len(granted) > held

    stage.wait(served, "clients with a seat", within=20)


def seconds_to(stage: Stage, server: str, *, after: float, within: float) -> float:
    """From `after` to the first seat that the server gave to somebody who came later."""
    span = within + 5

    def served() -> bool:
        return first_session_on(stage.recent(span), server, after=after) is not None

    stage.wait(served, f"a client served by {server}", within=within)
    first = first_session_on(stage.events(), server, after=after)
    assert first is not None  # noqa: S101 - it has just been seen
    return first.ended - after


def holders_events(stage: Stage, kind: EventKind, *, after: float) -> list[float]:
    """When such things happened to clients that hold a seat, in seconds from `after`."""
    path = stage.folder / "holders.jsonl"
    events = read_events(path.read_text(encoding="utf-8"))
    return [event.t - after for event in events if event.kind is kind and event.t > after]


def settled_on(stage: Stage, server: str | None = None) -> bool:
    """Whether journal and balancer have the same server active under one epoch, and nothing is open.

    A daemon that has just started answers a moment before it knows of open operations: the journal tells.
    """
    seen, operations = stage.cluster(), stage.operations()
    if seen is None or not operations or any(each["state"] == "open" for each in operations):
        return False
    balancer = seen["balancers"][0]
    return bool(
        seen["active"] == balancer["active"]
        and balancer["epoch"] == seen["epoch"]
        and server in {None, seen["active"]}
    )


def announced(stage: Stage) -> bool:
    """Whether the newest move's hooks for afterwards have run: the next daemon would run them first."""
    move = last_move(stage)
    return move is not None and any(
        step["step"] == StepName.AFTER_HOOKS.value and step["outcome"] for step in move["steps"]
    )


def nobody_held(stage: Stage) -> bool:
    """Whether the balancer could send clients to any server."""
    seen = stage.cluster()
    return seen is not None and all(
        not balancer["status"].startswith("MAINT")
        for server in seen["servers"]
        for balancer in server["balancers"]
    )


def last_move(stage: Stage) -> dict[str, Any] | None:
    """The journal's newest operation that was to move somebody."""
    moves = [each for each in stage.operations() if each["kind"] != "first_start"]
    return moves[-1] if moves else None


def wait_committed(stage: Stage, *, within: float, to: str | None = None) -> dict[str, Any]:
    """The newest move (to that server), once it is committed."""

    def committed() -> bool:
        operation = last_move(stage)
        return (
            operation is not None and operation["committed_at"] is not None and to in {None, operation["to"]}
        )

    stage.wait(committed, "a committed operation", within=within)
    operation = last_move(stage)
    assert operation is not None  # noqa: S101 - it has just been seen
    return operation


def switchover(stage: Stage, target: str) -> None:
    """Have everybody moved to the server by an operator's wish."""
    ask(stage, "switchover", {"to": target, "requested_by": "bench"})
    wait_committed(stage, to=target, within=20)


def ask(stage: Stage, verb: str, document: dict[str, str]) -> dict[str, Any]:
    """An operator's wish, and the daemon's answer; StageError where it refuses."""
    session = requests.Session()
    session.trust_env = False
    url = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/{verb}"
    answer = session.post(url, json=document, timeout=35)
    if answer.status_code >= 300:
        raise StageError(f"{verb} was answered {answer.status_code}: {answer.text[:300]}")
    found: dict[str, Any] = answer.json()
    return found


def reload_haproxy(stage: Stage) -> None:
    """What `systemctl reload haproxy` does; returns when the daemon has seen the new worker."""
    before = worker(stage)
    for _ in range(5):
        # Some versions lose the signal just after a loading.
        os.kill(stage.processes.pid("haproxy"), signal.SIGUSR2)
        with contextlib.suppress(StageError):
            stage.wait(lambda: worker(stage) not in {None, before}, "a new worker", within=3)
            return
    raise StageError("HAProxy takes no reload")


def worker(stage: Stage) -> int | None:
    """The process id of HAProxy's worker, as the daemon has read it."""
    seen = stage.cluster()
    return None if seen is None else seen["balancers"][0]["pid"]


def pause(stage: Stage, seconds: float) -> None:
    """Let clients go on for so long; StageError when a part ends meanwhile."""
    until = time.monotonic() + seconds
    stage.wait(lambda: time.monotonic() >= until, "the end of a pause", within=seconds + 10)


def wall(moment: str) -> float:
    """A time of the API, by `time.time()`."""
    return datetime.fromisoformat(moment).timestamp()
