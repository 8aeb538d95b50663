"""Tells a story to the pure rules: events in, decisions out. The form is described in `test_stories.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any

from rlm_exporter.failover.by_hand import AlreadyActive, Answer, Plan
from rlm_exporter.failover.external import DEFAULT_TTL, Component, HealthReport
from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.reasons import Decision, Hold, Move
from rlm_exporter.failover.steps import StepName
from rlm_exporter.failover.trigger import FailoverRequest, MaintenanceRequest, Refusal
from rlm_exporter.manifest.model import (
    Failback,
    FailbackWindow,
    PoolsMissing,
    Takeover,
    TriggerSource,
)
from rlm_exporter.probe.result import FailureReason
from rlm_exporter.store.records import Operation, OperationKind, OperationState, StepOutcome
from tests.failover.modelled import Balancer, Model
from tests.failover.situations import NAMES, NOW, cluster, record

UNITS = {"h": 3600.0, "m": 60.0}


def _window(word: str) -> FailbackWindow:
    """`22:00-06:00@Europe/Berlin`."""
    hours, _, place = word.partition("@")
    start, _, end = hours.partition("-")
    return FailbackWindow(start=time.fromisoformat(start), end=time.fromisoformat(end), timezone=place)


POLICY: dict[str, Callable[[str], Any]] = {
    "threshold": int,
    "cooldown": lambda value: timedelta(seconds=float(value)),
    "automatic": lambda value: value == "yes",
    "triggers": lambda value: frozenset(TriggerSource(each) for each in value.split(",")),
    "pools_missing": PoolsMissing,
}
MANIFEST: dict[str, Callable[[str], Any]] = {
    "takeover": Takeover,
    "failback": Failback,
    "failback_after": lambda value: timedelta(seconds=float(value)),
    "failback_window": _window,
}


@dataclass(kw_only=True)
class Teller:
    """What is so at one moment of a story."""

    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begins = NOW
        self._policy: dict[str, Any] = {}
        self._manifest: dict[str, Any] = {}
        self._active = "rlm1"
        self._balancers = 1
        self._model: Model | None = None
        self._last: Decision | None = None
        self._operations_fail = False
        self._operations_hang = False
        self._refusing: set[str] = set()

    @property
    def model(self) -> Model:
        """The cluster, after two good checks of everybody; settings are over then."""
        if self._model is None:
            self._model = self._begun()
        return self._model

    def _begun(self) -> Model:
        model = Model(
            cluster=replace(cluster(**self._policy), **self._manifest),
            record=record(active=self._active),
            balancers=[
                Balancer(name=f"lb{number + 1}", active=self._active, epoch=None)
                for number in range(self._balancers)
            ],
        )
        for seconds in (-60, -30):
            model.now = self._begins + timedelta(seconds=seconds)
            for name in NAMES:
                model.check(name, None)
        return model

    # ---- events

    def given(self, words: list[str]) -> None:
        """Settings, before anything happens."""
        for word in words:
            key, _, value = word.partition("=")
            if key in POLICY:
                self._policy[key] = POLICY[key](value)
            elif key in MANIFEST:
                self._manifest[key] = MANIFEST[key](value)
            elif key == "active":
                self._active = value
            elif key == "balancers":
                self._balancers = int(value)
            elif key == "begins":
                self._begins = datetime.fromisoformat(value)
            else:
                raise ValueError(f"given {word}: there is no such setting")

    def happens(self, when: str, words: list[str]) -> None:
        """One event, and the looks that follow it."""
        self.model.now = self._begins + timedelta(seconds=_seconds(when))
        match words:
            case ["nothing"]:
                pass
            case ["all", "good"]:
                for name in NAMES:
                    self.model.check(name, None)
            case [("rlm1" | "rlm2" | "rlm3") as name, *told]:
                self._server(name, told)
            case [("lb1" | "lb2") as name, *told]:
                self._balancer(name, told)
            case ["operator", *wish]:
                self._operator(wish)
            case _:
                self._somebody_acts(words)
        self._look()

    def _server(self, name: str, words: list[str]) -> None:
        match words:
            case ["web", reason]:
                self.model.check(name, None, web=FailureReason(reason))
            case [("refuses" | "accepts") as how, "a", "move"]:
                (self._refusing.add if how == "refuses" else self._refusing.discard)(name)
            case [result]:
                self.model.check(name, None if result == "good" else FailureReason(result))
            case _:
                raise ValueError(f"{name} {' '.join(words)}: there is no such event")

    def _balancer(self, name: str, words: list[str]) -> None:
        balancer = next(each for each in self.model.balancers if each.name == name)
        match words:
            case ["saw", arrived, "connections", "and", sent, "bytes"]:
                self.model.traffic = (int(arrived), int(sent))
            case ["away"]:
                balancer.readable = False
            case ["is", "steered", "by", "somebody"]:
                self.model.seen_epoch = self.model.known.highest_epoch + 1
            case [active, *downs] if all(word.startswith("-") for word in downs):
                balancer.readable, balancer.active = True, active
                balancer.downs = tuple(each.removeprefix("-") for each in downs)
            case _:
                raise ValueError(f"{name} {' '.join(words)}: there is no such event")

    def _operator(self, words: list[str]) -> None:
        match words:
            case [("failover" | "switchover") as kind, target, *more]:
                self._wish(OperationKind(kind), target, more)
            case ["failback", *more]:
                self._wish(OperationKind.FAILBACK, None, more)
            case ["pause", lasting]:
                self.model.pause(self.model.now + timedelta(seconds=_seconds(lasting)))
            case ["resume"]:
                self.model.pause(None)
            case ["maintenance", server, ("on" | "off") as how, *more]:
                self._maintain(server, enable=how == "on", switchover=more == ["switchover"])
            case _:
                raise ValueError(f"operator {' '.join(words)}: there is no such event")

    def _wish(self, kind: OperationKind, target: str | None, more: list[str]) -> None:
        expected = [word.removeprefix("expect=") for word in more if word.startswith("expect=")]
        request = FailoverRequest(
            target=target,
            kind=kind,
            requested_by="ada",
            force="force" in more,
            expect_active=expected[0] if expected else None,
        )
        self._answer(self.model.wish(request))

    def _maintain(self, server: str, *, enable: bool, switchover: bool) -> None:
        request = MaintenanceRequest(server=server, enable=enable, requested_by="ada", switchover=switchover)
        answer = self.model.maintain(request)
        if answer is not None:
            self._answer(answer)
        if isinstance(answer, Operation) and self.model.known.active != server:
            self.model.maintain(request)

    def _answer(self, answer: Answer) -> None:
        match answer:
            case Refusal(kind=kind):
                self.said.append(f"=> refused: {kind}")
            case AlreadyActive(server=server):
                self.said.append(f"=> {server}: active already")
            case Operation(target=target, kind=kind):
                self.said.append(f"=> {target}: operator, {kind}")
                self._last = None
                self._run(target)
            case Plan():
                raise AssertionError("no story asks for a dry run")

    def _somebody_acts(self, words: list[str]) -> None:
        match words:
            case ["alert", ("fires" | "resolved") as status]:
                self.model.firing = status == "fires"
            case ["operations", ("fail" | "work" | "hang") as how]:
                self._operations_fail, self._operations_hang = how == "fail", how == "hang"
                if self.model.operation is not None:
                    self._run(self.model.operation.target)
            case ["unpinned", name]:
                pins = tuple(pin for pin in self.model.known.pins if pin.server != name)
                self.model.record = replace(self.model.known, pins=pins)
            case ["acknowledged"]:
                self.model.acknowledge()
            case ["lease", ("ours" | "lost") as how]:
                self.model.lease = LeaseView(
                    ours=how == "ours", holder="ha1" if how == "ours" else "ha2", url=None, remaining=0.0
                )
            case ["journal", ("away" | "back") as how]:
                self.model.store_writable = how == "back"
            case [reporter, "reports", name, ("healthy" | "failed") as how, *more]:
                self._reports(reporter, name, how == "healthy", more)
            case ["daemon", "restarts"]:
                self._restart()
            case _:
                raise ValueError(f"{' '.join(words)}: there is no such event")

    def _reports(self, reporter: str, name: str, healthy: bool, more: list[str]) -> None:
        ttl = timedelta(seconds=_seconds(more[1])) if more[:1] == ["for"] else DEFAULT_TTL
        self.model.hear(
            HealthReport(
                server=name,
                component=Component.SERVER,
                healthy=healthy,
                reporter=reporter,
                at=self.model.now,
                ttl=ttl,
            )
        )

    def _restart(self) -> None:
        """What only the process knew is gone."""
        model = self.model
        model.restart()
        self._last = None
        if model.operation is not None:
            self._run(model.known.active)

    # ---- decisions

    def _look(self) -> None:
        self._steer()
        decision = self.model.decide()
        if isinstance(decision, Move):
            self.said.append(f"=> {decision.candidate}: {decision.reason}")
            self._last = None
            self.model.act(decision)
            self._run(decision.candidate)
            self._steer()
            decision = self.model.decide()
        if self._last is None or decision.reason is not self._last.reason:
            self._say(decision)
        self._last = decision

    def _say(self, decision: Decision) -> None:
        match decision:
            case Hold(reason=reason):
                self.said.append(f"=> hold: {reason}")
            case Move(reason=reason, candidate=candidate):
                self.said.append(f"=> {candidate}: {reason}, again")

    def _run(self, target: str) -> None:
        """The operation, to its end unless it hangs; told where it did not end as it was decided."""
        model = self.model
        if self._operations_hang:
            return
        number = len(model.history)
        while model.operation is not None:
            model.step(self._outcome(model.operation, at_apply=model.at is StepName.APPLY))
        ended = model.history[number]
        if ended.state is not OperationState.COMMITTED:
            self.said.append(f"=> {ended.outcome}")
        elif ended.target != target:
            self.said.append(f"=> committed: {ended.target}")
        if ended.outcome in {"done", "rolled_back"}:
            for balancer in model.balancers:
                balancer.active, balancer.downs = model.known.active, ()

    def _outcome(self, operation: Operation, *, at_apply: bool) -> StepOutcome:
        if self._operations_fail:
            return StepOutcome.FAILED
        refused = at_apply and operation.target in self._refusing
        return StepOutcome.SKIPPED if refused else StepOutcome.DONE

    def _steer(self) -> None:
        """The loop beside the controller: every balancer that can be reached knows the epoch."""
        for balancer in self.model.balancers:
            balancer.epoch = self.model.known.epoch


def _seconds(word: str) -> float:
    return float(word[:-1]) * UNITS[word[-1]] if word[-1] in UNITS else float(word)
