"""One measurement each: on real HAProxy, the daemon as a user starts it, simulated servers and clients.

A measurement yields one or several runs' samples by the name of what was measured. It raises StageError where
what should come about does not; that run then has no number, and the whole does not pass.
"""

import contextlib
import http.client
import itertools
import json
import random
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import requests

from bench.failover_stage import (
    HOLDERS,
    NEXT,
    announced,
    holders_events,
    last_move,
    nobody_held,
    pause,
    reload_haproxy,
    seconds_to,
    settled_on,
    stage_of,
    switchover,
    under_control,
    wait_all_up,
    wait_committed,
    wall,
    worker,
)
from rlm_exporter.demo.layout import CLUSTER, SERVERS, Choices
from rlm_exporter.demo.processes import Interrupts, StageError
from rlm_exporter.demo.stage import Stage
from rlm_exporter.failover.steps import StepName
from rlm_exporter.simulator.event import EventKind
from rlm_exporter.simulator.history import Wanted, answers, answers_from, wrong_answers

Samples = dict[str, list[float]]

FAST = Choices(detection="fast", triggers=("detector",))
CHECK_PACE = 5.0
"""Seconds between two checks of the active server; faults come at any moment between them."""

AFTER_RETURN = 8.0
"""Seconds after which HAProxy has found a returned server good three times, and a move has settled."""

MOVES_A_RUN = 5
RELOADS_A_RUN = 5
HELD_BACK = 3.0
"""Seconds after which connections that HAProxy held back have their answer, and count."""

DELIVERIES_PAUSE = 0.02
SLOW_HOOK = 1.5
"""Seconds for which an operation is kept open while alerts are delivered."""


def crash(interrupts: Interrupts, run: int) -> Iterator[Samples]:
    """The active server is killed, and started again when a standby serves."""
    with stage_of(interrupts, FAST) as stage:
        under_control(stage)
        pause(stage, random.uniform(0, 2))
        killed = time.monotonic()
        stage.kill("rlm1")
        took = seconds_to(stage, "rlm2", after=killed, within=20)
        wait_committed(stage, within=20)
        stage.start_server("rlm1")
        returned = time.monotonic()
        pause(stage, AFTER_RETURN)
        back = answers_from(stage.events(), "rlm1", after=returned)
        yield {"crash": [took], "crash_return": [len(back)]}


def hang(interrupts: Interrupts, run: int) -> Iterator[Samples]:
    """The active server is stopped while clients connect and others hold a seat."""
    with stage_of(interrupts, FAST) as stage:
        under_control(stage)
        pause(stage, random.uniform(0, CHECK_PACE))
        stopped = time.monotonic()
        stage.stop_server("rlm1")
        took = seconds_to(stage, "rlm2", after=stopped, within=40)

        def all_cut() -> bool:
            return len(holders_events(stage, EventKind.LOST, after=stopped)) >= HOLDERS

        stage.wait(all_cut, "the end of every stuck session", within=20)
        cut = max(holders_events(stage, EventKind.LOST, after=stopped))
        yield {"hang": [took], "stuck": [cut]}


def quiet_hang(interrupts: Interrupts, run: int) -> Iterator[Samples]:
    """The active server is stopped while no client is there: nobody but our own checks can tell."""
    with stage_of(interrupts, FAST) as stage:
        under_control(stage, holders=None)
        pause(stage, random.uniform(0, CHECK_PACE))
        stopped = time.time()
        stage.stop_server("rlm1")
        operation = wait_committed(stage, within=40)
        yield {"quiet_hang": [wall(operation["committed_at"]) - stopped]}


def switchovers(interrupts: Interrupts, runs: int) -> Iterator[Samples]:
    """An operator moves everybody from one healthy server to the next, under load."""
    with stage_of(interrupts, FAST) as stage:
        under_control(stage)
        active = "rlm1"
        for _ in range(runs * MOVES_A_RUN):
            wait_all_up(stage)
            active = NEXT[active]
            asked, at_haproxy = _switchover_seen(stage, active)
            committed = wall(wait_committed(stage, to=active, within=20)["committed_at"])
            yield {"switchover": [committed - asked], "switchover_haproxy": [at_haproxy]}


def _switchover_seen(stage: Stage, target: str) -> tuple[float, float]:
    """When it was asked for, on the wall clock, and how long HAProxy took, by looking at nothing else."""
    server_id = str(SERVERS.index(target) + 1)
    with contextlib.closing(OverUnix(stage.folder / "lb1.sock")) as haproxy:
        before = haproxy.state()
        connection = http.client.HTTPConnection("127.0.0.1", stage.layout.daemon_port, timeout=35)
        asked, until = time.time(), time.monotonic() + 20
        request = {"to": target, "requested_by": "bench"}
        connection.request("POST", f"/api/v1/clusters/{CLUSTER}/switchover", json.dumps(request), JSON)
        unmoved = time.monotonic()
        while time.monotonic() < until:
            epoch, active_id = haproxy.state()
            if epoch == before[0]:
                unmoved = time.monotonic()
            elif active_id == server_id:
                _answer(connection, 202)
                connection.close()
                return asked, time.monotonic() - unmoved
    raise StageError(f"HAProxy has not moved to {target} within 20 s")


class OverUnix(http.client.HTTPConnection):
    """HAProxy's stats page at its socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    def state(self) -> tuple[str | None, str | None]:
        """Its epoch, and the number of the server that its table names."""
        self.request("HEAD", "/stats;csv")
        answer = self.getresponse()
        answer.read()
        return answer.getheader("X-Epoch"), answer.getheader("X-Active-Id")


def webhook(interrupts: Interrupts, runs: int) -> Iterator[Samples]:
    """New alerts are delivered one after the other, while an operation is open and moves clients.

    Each run is an incident of its own: when it is over, its alerts are resolved.
    """
    choices = Choices(
        detection="fast",
        cooldown="1s",
        more_failover={"hooks": {"before": [{"exec": ["sleep", str(SLOW_HOOK)]}]}},
    )
    with stage_of(interrupts, choices) as stage:
        under_control(stage)
        active = "rlm1"
        number = itertools.count()
        for _ in range(runs):
            wait_all_up(stage)
            active = NEXT[active]
            first = next(number)
            yield {"webhook": _deliveries_during(stage, active, number)}
            _resolve(stage, range(first, next(number)))


def _resolve(stage: Stage, numbers: Iterable[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stage.layout.daemon_port, timeout=10)
    delivery = json.dumps(_delivery(numbers, "resolved"))
    connection.request("POST", "/webhooks/alertmanager", delivery, JSON)
    _answer(connection, 202)
    connection.close()


def _deliveries_during(stage: Stage, target: str, number: Iterator[int]) -> list[float]:
    """How long each delivery took that began while a switchover to the target was open."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.layout.daemon_port, timeout=10)
    request = {"to": target, "requested_by": "bench"}
    connection.request("POST", f"/api/v1/clusters/{CLUSTER}/switchover", json.dumps(request), JSON)
    operation = json.loads(_answer(connection, 202))["operation"]["id"]
    took: list[tuple[float, float]] = []
    while True:
        began, clock = time.time(), time.monotonic()
        connection.request("POST", "/webhooks/alertmanager", json.dumps(_delivery([next(number)])), JSON)
        _answer(connection, 202)
        took.append((began, time.monotonic() - clock))
        time.sleep(DELIVERIES_PAUSE)
        if began - took[0][0] < SLOW_HOOK:
            continue
        done = last_move(stage)
        if done is not None and done["id"] == operation and done["committed_at"] is not None:
            connection.close()
            return [seconds for at, seconds in took if at < wall(done["committed_at"])]


JSON = {"Content-Type": "application/json"}


def _answer(connection: http.client.HTTPConnection, expected: int) -> bytes:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != expected:
        raise RuntimeError(f"{answer.status} instead of {expected}: {body[:300]!r}")
    return body


def _delivery(numbers: Iterable[int], status: str = "firing") -> dict[str, object]:
    """Alerts that ask for a failover; the active server is healthy, so they move nothing."""
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "RLMFailoverWanted", "cluster": CLUSTER, "rlm_action": "failover"},
            "annotations": {},
            "startsAt": "2026-03-02T08:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-02T08:01:00Z",
            "generatorURL": "",
            "fingerprint": f"{number:016x}",
        }
        for number in numbers
    ]
    return {"version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": status, "alerts": alerts}


def reloads(interrupts: Interrupts, runs: int) -> Iterator[Samples]:
    """HAProxy is reloaded again and again under load, while the configured first server is a standby."""
    with stage_of(interrupts, FAST) as stage:
        _away_from_the_first(stage)
        for _ in range(runs):
            since = time.monotonic()
            for _ in range(RELOADS_A_RUN):
                reload_haproxy(stage)
                pause(stage, random.uniform(0.2, 3.5))
            pause(stage, HELD_BACK)
            yield _wrong(stage, "reload", since)


def kills(interrupts: Interrupts, runs: int) -> Iterator[Samples]:
    """HAProxy is killed and started cold under load; its table is gone then."""
    with stage_of(interrupts, FAST) as stage:
        _away_from_the_first(stage)
        for _ in range(runs):
            since = time.monotonic()
            before = worker(stage)
            stage.kill("haproxy")
            stage.start_haproxy()
            stage.wait(lambda before=before: worker(stage) not in {None, before}, "a new worker", within=10)  # type: ignore[misc]  # a default binds the loop's variable
            stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 at the balancer", within=10)
            pause(stage, HELD_BACK)
            yield _wrong(stage, "kill", since)


def _away_from_the_first(stage: Stage) -> None:
    under_control(stage, holders=1)
    switchover(stage, "rlm2")
    stage.wait(lambda: nobody_held(stage), "everybody let go, so that HAProxy could go wrong", within=30)


def _wrong(stage: Stage, what: str, since: float) -> Samples:
    now = time.monotonic()
    recent = [event for event in stage.events() if event.started > since]
    wrong = wrong_answers(recent, [Wanted(server="rlm2", since=since, until=now)])
    for each in wrong:
        told = f"{each.server} on its {each.port} port, {each.started - since:.3f} s into the run"
        print(f"wrong: {told}, after {each.answered - each.started:.3f} s", file=sys.stderr)
    return {f"{what}_wrong": [len(wrong)], f"{what}_connections": [len(answers(recent))]}


POINTS = tuple(itertools.product(StepName, ("before", "intended", "ran", "after")))
"""Every point of an operation at which the daemon is killed."""


def daemon_killed(interrupts: Interrupts, runs: int) -> Iterator[Samples]:
    """The daemon is killed at a point of a failover by hand, and started again."""
    hook = {"exec": ["true"]}
    choices = Choices(
        detection="fast",
        cooldown="1s",
        more_failover={"fence": hook, "hooks": {"before": [hook], "after": [hook]}},
    )
    points = random.sample(POINTS, runs) if runs < len(POINTS) else POINTS
    with stage_of(interrupts, choices) as stage:
        stage.start_haproxy()
        active = "rlm1"
        for step, moment in points:
            target = NEXT[active]
            _die_at(stage, target, moment, step)
            returned = time.monotonic()
            stage.start_daemon()

            def converged() -> bool:
                return settled_on(stage)

            stage.wait(converged, f"an end of the operation killed {moment} {step}", within=40)
            took = time.monotonic() - returned
            stage.wait(lambda: announced(stage), "the hooks for afterwards", within=20)
            seen = stage.cluster()
            active = active if seen is None else seen["active"]
            stage.kill("rlm-ha")
            yield {"daemon_killed": [took]}


def _die_at(stage: Stage, target: str, moment: str, step: StepName) -> None:
    state = stage.folder / "state"
    state.mkdir(exist_ok=True)
    stage.processes.start(
        "rlm-ha",
        [
            *(sys.executable, str(Path(__file__).with_name("failover_daemon.py"))),
            *(str(stage.folder / "cluster.yaml"), str(stage.layout.daemon_port)),
            *(f"sqlite:///{state / 'journal.db'}", str(stage.folder / "rlmutil"), moment, step.value),
        ],
    )
    wait_all_up(stage)
    url = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/failover"
    # It may be dead before it has answered.
    with contextlib.suppress(requests.ConnectionError):
        stage.post(url, {"to": target, "requested_by": "bench"})
    stage.processes.wait_end("rlm-ha", within=30)
