"""The two stories that the demonstration tells by itself, and how it knows that they went well."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.demo.timeline import Claim, Moment, Report
from rlm_exporter.simulator.event import ClientKind, Event, EventKind
from rlm_exporter.simulator.history import answers_from, first_session_on, split_sessions

Say = Callable[[str], None]

SERVICE_GOAL = 5.0
"""Seconds: from the webhook to a verified commit, and from a crash to the first client on the standby."""

HOLDERS = 20
"""Clients that keep a seat."""

WATCHED_AFTER = 8.0
"""Seconds for which a returned rlm1 is watched: longer than a move takes to settle and a server to be UP."""

ALERT = "RLMFailoverWanted"
OLD, NEW = "rlm1", "rlm2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A story with its settings."""

    name: str
    about: str
    choices: Choices
    play: Callable[[Stage, Say], Report]


def play_primary_hangs(stage: Stage, say: Say) -> Report:
    """rlm1 is stopped; only Alertmanager's webhook may wake the controller."""
    fault = _Fault.now()
    stage.stop_server(OLD)
    say(f"{OLD} is stopped: it still accepts connections and answers nothing")
    stage.wait(lambda: stage.alert_fires(ALERT), f"the alert {ALERT} in Prometheus", within=40)
    say(f"the alert {ALERT} fires")
    operation = _wait_for_move(stage)
    say(f"operation {operation['id']} is committed: {operation['from']} to {operation['to']}")
    stage.wait(lambda: _reached(stage, fault) is not None, f"a client on {NEW}", within=10)
    stage.continue_server(OLD)
    continued = time.monotonic()
    say(f"{OLD} goes on; watching for {WATCHED_AFTER:g} s whether anybody comes back to it")
    _watch(stage, WATCHED_AFTER)
    return _hang_report(stage, fault, continued=continued)


def play_primary_dies(stage: Stage, say: Say) -> Report:
    """rlm1 is killed; HAProxy moves first, and the controller makes that last."""
    fault = _Fault.now()
    stage.kill(OLD)
    say(f"{OLD} is killed")
    operation = _wait_for_move(stage)
    say(f"operation {operation['id']} is committed: {operation['kind']} to {operation['to']}")
    stage.wait(lambda: _reached(stage, fault) is not None, f"a client on {NEW}", within=10)
    _watch(stage, 2.0)
    stage.start_server(OLD)
    returned = time.monotonic()
    say(f"{OLD} is back; watching for {WATCHED_AFTER:g} s whether anybody comes back to it")
    _watch(stage, WATCHED_AFTER)
    return _crash_report(stage, fault, returned=returned)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="primary-hangs",
            about="rlm1 stops answering; Alertmanager's webhook wakes the controller, which moves everybody",
            choices=Choices(triggers=("alerts",)),
            play=play_primary_hangs,
        ),
        Scenario(
            name="primary-dies",
            about="rlm1 is killed; HAProxy moves first, and the controller prevents the way back",
            # Its own detector would often be quicker than HAProxy, and this story is about HAProxy.
            choices=Choices(triggers=("alerts",)),
            play=play_primary_dies,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """The moment of the fault, by both clocks."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> "_Fault":
        return cls(monotonic=time.monotonic(), wall=time.time())

    def seconds(self) -> float:
        return time.monotonic() - self.monotonic

    def after(self, moment: str | None) -> float | None:
        """Seconds from the fault to a time of the API."""
        return None if moment is None else datetime.fromisoformat(moment).timestamp() - self.wall


def _hang_report(stage: Stage, fault: _Fault, *, continued: float) -> Report:
    events, moves = stage.events(), _moves(stage)
    operation = moves[0]
    accepted = min((fault.after(a["first_seen"]) or 0.0 for a in operation["alerts"]), default=None)
    fired = min((fault.after(a["starts_at"]) or 0.0 for a in operation["alerts"]), default=None)
    committed = fault.after(operation["committed_at"])
    verified = _step_done(operation, "verify", fault)
    first = first_session_on(events, NEW, after=fault.monotonic)
    reached = first.ended - fault.monotonic if first else None
    cut = [e.t - fault.monotonic for e in _cut(events) if e.t > fault.monotonic]
    late = answers_from(events, OLD, after=continued)
    moments = _moments(
        (0.0, f"{OLD} stopped"),
        (fired, f"alert {ALERT} fires"),
        (accepted, "webhook accepted: the alert is in the journal"),
        (reached, f"first client served by {NEW}"),
        (min(cut, default=None), f"sessions stuck on {OLD} are cut"),
        (verified, f"verified through HAProxy: {NEW} answers on every port"),
        (committed, "operation committed"),
        (continued - fault.monotonic, f"{OLD} goes on"),
    )
    took = committed - accepted if committed is not None and accepted is not None else None
    claims = (
        _one_operation(moves, kinds={"failover"}, trigger="alert"),
        _within(f"from the webhook to a verified commit within {SERVICE_GOAL:g} s", took),
        Claim(what="the operation is verified", holds=verified is not None, seen=_seconds(verified)),
        Claim(
            what="the alert stands in the operation",
            holds=[a["alertname"] for a in operation["alerts"]] == [ALERT],
            seen=", ".join(a["alertname"] for a in operation["alerts"]) or "none",
        ),
        _stuck_sessions_are_cut(cut, committed),
        Claim(what=f"nobody reaches {OLD} after it went on", holds=not late, seen=f"{len(late)} connections"),
        _no_split(events),
    )
    return Report(moments=moments, claims=claims)


def _crash_report(stage: Stage, fault: _Fault, *, returned: float) -> Report:
    events, moves = stage.events(), _moves(stage)
    operation = moves[0]
    first = first_session_on(events, NEW, after=fault.monotonic)
    reached = first.ended - fault.monotonic if first else None
    late = answers_from(events, OLD, after=returned)
    moments = _moments(
        (0.0, f"{OLD} killed"),
        (reached, f"first client served by {NEW}"),
        (fault.after(operation["started_at"]), f"operation begun: {operation['rule']}"),
        (_step_done(operation, "verify", fault), f"verified through HAProxy: {NEW} answers on every port"),
        (fault.after(operation["committed_at"]), "operation committed"),
        (returned - fault.monotonic, f"{OLD} is back"),
    )
    claims = (
        _one_operation(moves, kinds={"adopt"}, trigger="balancer"),
        _within(f"first client on {NEW} within {SERVICE_GOAL:g} s of the kill", reached),
        Claim(what=f"nobody reaches {OLD} after it is back", holds=not late, seen=f"{len(late)} connections"),
        _no_split(events),
    )
    return Report(moments=moments, claims=claims)


def _one_operation(moves: list[dict[str, Any]], *, kinds: set[str], trigger: str) -> Claim:
    told = "; ".join(f"{m['kind']} {m['from']} to {m['to']}, {m['state']}, by {m['trigger']}" for m in moves)
    holds = (
        len(moves) == 1
        and moves[0]["state"] == "committed"
        and moves[0]["kind"] in kinds
        and moves[0]["trigger"] == trigger
        and (moves[0]["from"], moves[0]["to"]) == (OLD, NEW)
    )
    return Claim(what=f"one operation, {OLD} to {NEW}", holds=holds, seen=told or "none")


def _stuck_sessions_are_cut(cut: list[float], committed: float | None) -> Claim:
    """Every holder had a seat on the old server and would have waited for ten minutes."""
    seen = f"{len(cut)} of {HOLDERS}, the last after {max(cut):.2f} s" if cut else "none"
    holds = len(cut) == HOLDERS and committed is not None and max(cut) <= committed + 1
    return Claim(what=f"sessions stuck on {OLD} are cut", holds=holds, seen=seen)


def _within(what: str, seconds: float | None) -> Claim:
    return Claim(what=what, holds=seconds is not None and seconds <= SERVICE_GOAL, seen=_seconds(seconds))


def _no_split(events: tuple[Event, ...]) -> Claim:
    split = split_sessions(events)
    return Claim(what="no session is split over two servers", holds=not split, seen=f"{len(split)} split")


def _cut(events: tuple[Event, ...]) -> list[Event]:
    """Held seats that were ended from outside, which frees the client to ask again."""
    return [e for e in events if e.client is ClientKind.HOLDER and e.kind is EventKind.LOST]


def _reached(stage: Stage, fault: _Fault) -> Event | None:
    return first_session_on(stage.events(), NEW, after=fault.monotonic)


def _moves(stage: Stage) -> list[dict[str, Any]]:
    return [operation for operation in stage.operations() if operation["kind"] != "first_start"]


def _wait_for_move(stage: Stage) -> dict[str, Any]:
    def ended() -> bool:
        return any(operation["ended_at"] for operation in _moves(stage))

    stage.wait(ended, "an operation in the journal", within=40)
    return _moves(stage)[0]


def _step_done(operation: dict[str, Any], step: str, fault: _Fault) -> float | None:
    done = [s["done_at"] for s in operation["steps"] if s["step"] == step and s["outcome"] == "done"]
    return fault.after(done[-1]) if done else None


def _watch(stage: Stage, seconds: float) -> None:
    until = time.monotonic() + seconds
    stage.wait(lambda: time.monotonic() >= until, "the end of watching", within=seconds + 5)


def _moments(*pairs: tuple[float | None, str]) -> tuple[Moment, ...]:
    return tuple(Moment(at=at, what=what) for at, what in pairs if at is not None)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
