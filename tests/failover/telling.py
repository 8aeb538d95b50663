"""Tells a story to the pure rules: events in, decisions out. The form is described in `test_stories.py`."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from rlm_exporter.failover.decide import decide
from rlm_exporter.failover.reasons import Decision, Hold, Move, Reason
from rlm_exporter.failover.situation import Evidence, Situation
from rlm_exporter.failover.steps import pinned_after
from rlm_exporter.failover.trigger import Trigger, TriggerKind
from rlm_exporter.haproxy.view import BalancerReading, Traffic
from rlm_exporter.manifest.model import TriggerSource
from rlm_exporter.probe.health import Check, fold
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind, ProbeResult
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.status import IsvServer, RlmStatus
from rlm_exporter.store.records import (
    FailedAttempts,
    Operation,
    OperationKind,
    OperationState,
)
from tests.failover.situations import ALL_POOLS, NAMES, NOW, cluster, read, record, snapshot, unread

ANSWER = replace(ALL_POOLS, isvs=(IsvServer(name="siemens", port=5060, running=True, restarts=0),))
ANSWERED_BADLY = {
    FailureReason.ISV_DOWN: replace(ANSWER, isvs=(replace(ANSWER.isvs[0], running=False),)),
    FailureReason.ISV_PORT_CHANGED: replace(ANSWER, isvs=(replace(ANSWER.isvs[0], port=5061),)),
    FailureReason.POOLS_MISSING: replace(ANSWER, pools=()),
}
CHECK_TAKES = timedelta(seconds=1)


@dataclass(kw_only=True)
class Teller:
    """What is so at one moment of a story."""

    policy: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = NOW
        self._parts = {name: ServerSnapshot(server=name) for name in NAMES}
        self._record = record()
        self._balancer: dict[str, Any] = {"active": "rlm1"}
        self._traffic: tuple[int, int] | None = None
        self._alert = False
        self._differs_since: datetime | None = None
        self._failed = FailedAttempts(count=0, last_ended_at=None)
        self._moves: tuple[datetime, ...] = ()
        self._operations_fail = False
        self._last: Decision | None = None

    # ---- events

    def begin(self) -> None:
        """Two good checks of everybody, before the story."""
        for seconds in (-60, -30):
            self.now = NOW + timedelta(seconds=seconds)
            for name in NAMES:
                self._check(name, None)

    def given(self, words: list[str]) -> None:
        """Settings, before anything happens."""
        for word in words:
            key, _, value = word.partition("=")
            match key:
                case "threshold":
                    self.policy[key] = int(value)
                case "cooldown":
                    self.policy[key] = timedelta(seconds=float(value))
                case "automatic":
                    self.policy[key] = value == "yes"
                case "triggers":
                    self.policy[key] = frozenset(TriggerSource(each) for each in value.split(","))
                case _:
                    raise ValueError(f"given {word}: there is no such setting")

    def happens(self, seconds: float, words: list[str]) -> None:
        """One event, and the looks that follow it."""
        self.now = NOW + timedelta(seconds=seconds)
        match words:
            case ["nothing"]:
                pass
            case ["all", "good"]:
                for name in NAMES:
                    self._check(name, None)
            case [("rlm1" | "rlm2" | "rlm3") as name, result]:
                self._check(name, None if result == "good" else FailureReason(result))
            case ["lb1", *told]:
                self._balancer_tells(told)
            case _:
                self._somebody_acts(words)
        self._look()

    def _balancer_tells(self, words: list[str]) -> None:
        match words:
            case ["saw", arrived, "connections", "and", sent, "bytes"]:
                self._traffic = (int(arrived), int(sent))
            case ["away"]:
                self._balancer = {}
            case [active, *downs]:
                self._balancer = {"active": active, "downs": tuple(each.removeprefix("-") for each in downs)}

    def _somebody_acts(self, words: list[str]) -> None:
        match words:
            case ["alert", ("fires" | "resolved") as status]:
                self._alert = status == "fires"
            case ["operations", ("fail" | "work") as how]:
                self._operations_fail = how == "fail"
            case ["unpinned", name]:
                pins = tuple(pin for pin in self._record.pins if pin.server != name)
                self._record = replace(self._record, pins=pins)
            case ["acknowledged"]:
                self._record = replace(self._record, acknowledged_at=self.now, cooldown_until=None)
            case _:
                raise ValueError(f"{' '.join(words)}: there is no such event")

    def _check(self, name: str, reason: FailureReason | None) -> None:
        status: RlmStatus | None = ANSWER if reason is None else ANSWERED_BADLY.get(reason)
        failure = None
        if status is None and reason is not None:
            failure = Failure(reason=reason, detail=str(reason))
        result = ProbeResult(
            kind=ProbeKind.LICENSE,
            started_at=self.now - CHECK_TAKES,
            duration=CHECK_TAKES,
            payload=status,
            failure=failure,
        )
        check = Check(started_at=self.now - CHECK_TAKES, ended_at=self.now, attempts=1, license=result)
        self._parts[name] = fold(self._parts[name], check, cluster=cluster(**self.policy))
        if name == self._record.active and reason is None:
            self._traffic = None

    # ---- decisions

    def _look(self) -> None:
        decision = decide(self._situation())
        if isinstance(decision, Move):
            self._act(decision)
            self._last = None
            decision = decide(self._situation())
        if self._last is None or decision.reason is not self._last.reason:
            self._say(decision)
        self._last = decision

    def _say(self, decision: Decision) -> None:
        match decision:
            case Hold(reason=reason):
                self.said.append(f"=> hold: {reason}")
            case Move(reason=reason, candidate=candidate):
                self.said.append(f"=> {candidate}: {reason}")

    def _situation(self) -> Situation:
        situation = Situation(
            cluster=cluster(**self.policy),
            snapshot=snapshot(*self._parts.values(), taken_at=self.now),
            record=self._record,
            now=self.now,
            trigger=self._trigger(),
            readings=(self._reading(),),
            evidence=self._evidence(),
            attempts=self._failed,
            automatic_moves=self._moves,
        )
        differs = situation.balancer_active not in {None, self._record.active}
        self._differs_since = (self._differs_since or self.now) if differs else None
        return replace(situation, differs_since=self._differs_since)

    def _trigger(self) -> Trigger | None:
        sources = self.policy.get("triggers", frozenset(TriggerSource))
        if TriggerSource.ALERTS in sources and self._alert:
            return Trigger(kind=TriggerKind.ALERT, alerts=("8f3c1b",))
        return Trigger(kind=TriggerKind.DETECTOR) if TriggerSource.DETECTOR in sources else None

    def _reading(self) -> BalancerReading:
        if not self._balancer:
            return unread()
        return read(**self._balancer, epoch=self._record.epoch, read_at=self.now)

    def _evidence(self) -> Evidence:
        if self._traffic is None:
            return Evidence()
        arrived, sent = self._traffic
        seen = Traffic(arrived=arrived, bytes_out=sent, since=self.now - CHECK_TAKES, until=self.now)
        return Evidence(since_check=seen, while_failing=seen)

    def _act(self, move: Move) -> None:
        """The operation, which goes well or fails as a whole."""
        self._say(move)
        if self._operations_fail:
            self._failed = FailedAttempts(count=self._failed.count + 1, last_ended_at=self.now)
            return
        operation = self._operation(move)
        pins = pinned_after(operation, self._record.pins)
        self._record = replace(
            self._record,
            active=move.candidate,
            epoch=operation.epoch,
            pins=pins,
            cooldown_until=self.now + cluster(**self.policy).failover.cooldown,
        )
        self._balancer = {"active": move.candidate}
        self._traffic = None
        self._failed = FailedAttempts(count=0, last_ended_at=None)
        self._moves = (self.now, *self._moves)

    def _operation(self, move: Move) -> Operation:
        kind = OperationKind.ADOPT if move.reason is Reason.ADOPTED else OperationKind.FAILOVER
        return Operation(
            id=len(self._moves) + 1,
            cluster=self._record.cluster,
            kind=kind,
            rule=move.reason,
            state=OperationState.OPEN,
            outcome="",
            source=self._record.active,
            target=move.candidate,
            epoch=self._record.epoch + 1,
            requested_by="controller",
            reason=move.detail,
            trigger="detector",
            started_at=self.now,
        )
