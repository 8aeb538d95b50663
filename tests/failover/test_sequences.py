"""Random sequences of faults, looks, wishes and deaths of our process, with the laws held after each event.

`HYPOTHESIS_PROFILE=soak` makes them many more and longer.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rlm_exporter.failover.decide import decide
from rlm_exporter.failover.external import Component, HealthReport
from rlm_exporter.failover.first_start import find_active, first_epoch
from rlm_exporter.failover.reasons import Move, Reason
from rlm_exporter.failover.spans import cooldown_left
from rlm_exporter.failover.steps import StepName
from rlm_exporter.failover.trigger import FailoverRequest, MaintenanceRequest, Refusal
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.manifest.model import (
    Cluster,
    Failback,
    FailbackWindow,
    FailoverPolicy,
    PoolsMissing,
    Takeover,
    TriggerSource,
)
from rlm_exporter.probe.result import FailureReason
from rlm_exporter.store.records import (
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    PinKind,
    StepOutcome,
)
from tests.failover.laws import (
    check_answer,
    check_decision,
    check_spacing,
    check_wanted,
    what_is_unknown_is_not_down,
)
from tests.failover.modelled import MOST_STEPS, Balancer, Model, maintenance
from tests.failover.situations import CLUSTER, NAMES, snapshot, view

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SEQUENCES, LENGTH = (20_000, 100) if SOAK else (2_000, 16)

WEB = "web interface"

ILL = {
    "down": FailureReason.REFUSED,
    "hung": FailureReason.TIMEOUT,
    "isv dead": FailureReason.ISV_DOWN,
    "no way there": FailureReason.TIMEOUT,
    "not asked": FailureReason.TOOL_MISSING,
    "no pools": FailureReason.POOLS_MISSING,
    WEB: FailureReason.TLS,
}
"""What can be the matter with a server, and what a check then says."""

AT_A_BALANCER = (
    "clients connect",
    "its checks see",
    "its checks see nothing",
    "is away",
    "is back",
    "is reloaded",
    "is started cold",
    "another hand",
    "another hand",
    "another tool",
)
SPANS = (0.5, 2, 5, 12, 30, 61, 66, 130, 301, 600, 1800, 3600)
BEGINNINGS = (
    datetime(2026, 3, 28, 20, tzinfo=UTC),
    datetime(2026, 7, 1, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 22, tzinfo=UTC),
)
NIGHT = FailbackWindow(start=time(22), end=time(6), timezone="Europe/Berlin")

ACTIVE = "the active one"

servers = st.sampled_from(NAMES)
anybody = st.sampled_from((ACTIVE, ACTIVE, *NAMES))
balancers = st.sampled_from(("lb1", "lb2"))


def kept(
    takeover: Takeover, failback: Failback, window: FailbackWindow | None, policy: FailoverPolicy
) -> Cluster:
    """The cluster under these rules of its manifest."""
    return replace(
        CLUSTER,
        takeover=takeover,
        failback=failback,
        failback_window=window,
        failback_after=timedelta(seconds=60),
        failover=policy,
    )


clusters = st.builds(
    kept,
    takeover=st.sampled_from((Takeover.CONTROLLED, Takeover.CONTROLLED, Takeover.NATIVE)),
    failback=st.sampled_from(Failback),
    window=st.sampled_from((None, NIGHT)),
    policy=st.builds(
        FailoverPolicy,
        automatic=st.sampled_from((True, True, True, False)),
        threshold=st.integers(1, 3),
        cooldown=st.sampled_from((timedelta(seconds=60), timedelta(seconds=300))),
        triggers=st.sampled_from(
            (frozenset(TriggerSource), frozenset(TriggerSource), frozenset({TriggerSource.ALERTS}))
        ),
        pools_missing=st.sampled_from(PoolsMissing),
    ),
)


class Sequences(RuleBasedStateMachine):
    """A world of servers and balancers, and the controller's pure rules that look at it after each event."""

    @initialize(
        cluster=clusters,
        now=st.sampled_from(BEGINNINGS),
        number=st.integers(0, 2),
        quick=st.booleans(),
        busy=st.booleans(),
    )
    def begin(self, cluster: Cluster, now: datetime, number: int, quick: bool, busy: bool) -> None:
        """All is well, and our process has just been started.

        Where operations are `quick`, each is over before the next event; otherwise events come in between.
        Where it is not `busy`, no clients connect but when a rule says so.
        """
        self.quick, self.busy = quick, busy
        self.model = Model(cluster=cluster, now=now, record=None)
        self.model.balancers = [
            Balancer(name=f"lb{each + 1}", active=None, epoch=None) for each in range(number)
        ]
        self.ills: dict[str, str] = {}
        self.wanted: list[Desired] = []
        self.acknowledged: list[int] = []
        self.steps = 0
        self.highest = 0
        self.held: frozenset[str] = frozenset()
        self.told = 0
        self.set_back = False
        self._check_all(2)

    # ---- what happens in the world

    @rule(
        server=anybody,
        ill=st.sampled_from(("down", *sorted(ILL))),
        checks=st.integers(1, 4),
        noticed=st.booleans(),
    )
    def something_is_the_matter(self, server: str, ill: str, checks: int, noticed: bool) -> None:
        """Balancers may notice; some checks see it, and the controller looks after each but the last."""
        name = self._named(server)
        self.ills[name] = ill
        for balancer in self.model.balancers if noticed else ():
            self._at_a_balancer(balancer, "clients connect", name)
            self._at_a_balancer(balancer, "its checks see", name)
        self._check_in_a_row(name, checks)

    @rule(server=anybody, checks=st.integers(0, 3))
    def it_is_well_again(self, server: str, checks: int) -> None:
        name = self._named(server)
        self.ills.pop(name, None)
        self._check_in_a_row(name, checks)

    @rule()
    def all_are_well_again(self) -> None:
        self.ills.clear()
        self._check_all(2)

    @rule(times=st.integers(2, 5), wait=st.sampled_from((30, 61, 302, 900)))
    def they_die_in_turn(self, times: int, wait: int) -> None:
        """Each active server for a while, which comes back when another one serves."""
        for _ in range(times):
            dead = self._named(ACTIVE)
            self.something_is_the_matter(server=dead, ill="down", checks=3, noticed=False)
            self.it_looks()
            self.time_passes(seconds=wait, checks=1)
            self.it_is_well_again(server=dead, checks=2)
            self.time_passes(seconds=wait, checks=1)
            self.it_looks()

    @rule(to=servers, checks=st.integers(1, 3))
    def rlm_moves_the_pools(self, to: str, checks: int) -> None:
        """One server has them, and nobody else; the others go on answering."""
        for name in NAMES:
            if name != to and name not in self.ills:
                self.ills[name] = "no pools"
        if self.ills.get(to) == "no pools":
            del self.ills[to]
        for _ in range(checks):
            self._check_all()
            self.it_looks()

    @rule(seconds=st.sampled_from((*SPANS, *SPANS, -3600)), checks=st.sampled_from((0, 1, 1, 2, 2)))
    def time_passes(self, seconds: float, checks: int) -> None:
        """Or the clock is set back."""
        self.model.now += timedelta(seconds=seconds)
        if seconds < 0:
            self.model.steady_since, self.set_back = self.model.now, True
        if seconds >= 10 and self.model.record is not None:
            self._lift_pins()
        self._check_all(checks)

    @rule(name=balancers, what=st.sampled_from(AT_A_BALANCER), server=servers)
    def something_happens_at_a_balancer(self, name: str, what: str, server: str) -> None:
        for balancer in self.model.balancers:
            if balancer.name == name:
                self._at_a_balancer(balancer, what, server)

    def _at_a_balancer(self, balancer: Balancer, what: str, server: str) -> None:
        match what:
            case "its checks see":
                balancer.downs = tuple(name for name in NAMES if not self._takes(name))
            case "its checks see nothing":
                balancer.downs = ()
            case "clients connect":
                usable = [name for name in NAMES if self._takes(name) and name not in balancer.pinned]
                if usable and balancer.active not in usable:
                    balancer.active = usable[0]
                self._clients_are_served()
            case "is away":
                balancer.readable = False
            case "is back":
                balancer.readable = True
            case "is reloaded":
                balancer.epoch, balancer.pinned = None, frozenset()
            case "is started cold":
                balancer.epoch, balancer.pinned, balancer.active = None, frozenset(), None
            case "another hand":
                balancer.active = server
            case "another tool":
                balancer.epoch = self.highest + 5

    @rule(server=servers)
    def the_table_of_a_balancer_is_old(self, server: str) -> None:
        """It names a server that an operator has taken out, as long as no connection comes."""
        if self.model.record is None:
            return
        self.somebody_wants_maintenance(server=server, enable=True, switchover=False)
        for balancer in self.model.balancers:
            balancer.active = server
        for seconds in (1, 61):
            self.it_looks()
            self.time_passes(seconds=seconds, checks=1)

    @rule(firing=st.booleans())
    def an_alert_fires_or_is_resolved(self, firing: bool) -> None:
        self.model.firing = firing

    @rule(
        server=anybody,
        healthy=st.booleans(),
        component=st.sampled_from(Component),
        reporter=st.sampled_from(("mon1", "mon2")),
        ttl=st.sampled_from((20, 120, 3600)),
    )
    def a_monitor_reports(
        self, server: str, healthy: bool, component: Component, reporter: str, ttl: int
    ) -> None:
        name = self._named(server)
        report = HealthReport(
            server=name,
            component=component,
            healthy=healthy,
            reporter=reporter,
            at=self.model.now,
            ttl=timedelta(seconds=ttl),
        )
        self.model.hear(report)
        self._check(name)

    @rule(healthy=st.booleans(), ttl=st.sampled_from((20, 120)), checks=st.integers(1, 4))
    def nobody_connects_and_a_monitor_sees_other_than_we(self, healthy: bool, ttl: int, checks: int) -> None:
        """At night, with our way to the active server broken: a report between two checks."""
        active = self._named(ACTIVE)
        self.busy = False
        self.something_is_the_matter(server=active, ill="no way there", checks=1, noticed=False)
        self.a_monitor_reports(
            server=active, healthy=healthy, component=Component.LICENSE, reporter="mon1", ttl=ttl
        )
        self._check_in_a_row(active, checks)

    @rule(checks=st.sampled_from((None, 0, 1, 2, 2)))
    def our_process_dies_or_cannot_write(self, checks: int | None) -> None:
        """What only it knew is gone: checks, reports, the excluded. None = the disk is full for a look."""
        if checks is None:
            self.model.store_writable = False
            self.it_looks()
            self.model.store_writable = True
            return
        self.model.restart()
        self.steps = 0
        self._check_all(checks)

    # ---- what operators wish

    @precondition(lambda self: self.model.record is not None)
    @rule(
        kind=st.sampled_from((OperationKind.FAILOVER, OperationKind.SWITCHOVER, OperationKind.FAILBACK)),
        server=servers,
        expected=st.sampled_from((None, None, *NAMES)),
        force=st.booleans(),
    )
    def somebody_wants_a_move(
        self, kind: OperationKind, server: str, expected: str | None, force: bool
    ) -> None:
        target = None if kind is OperationKind.FAILBACK else server
        self._wish(
            FailoverRequest(target=target, kind=kind, requested_by="ada", force=force, expect_active=expected)
        )

    @precondition(lambda self: self.model.record is not None)
    @rule(server=servers, enable=st.booleans(), switchover=st.booleans())
    def somebody_wants_maintenance(self, server: str, enable: bool, switchover: bool) -> None:
        before = self.model.known
        request = MaintenanceRequest(server=server, enable=enable, requested_by="ada", switchover=switchover)
        answer = self.model.maintain(request)
        if isinstance(answer, Refusal):
            assert self.model.known == before
        elif isinstance(answer, Operation):
            assert answer.target != server
            self._begun()
        else:
            assert (server in maintenance(self.model.known.pins)) is enable
        self.held = maintenance(self.model.known.pins)

    @precondition(lambda self: self.model.record is not None)
    @rule(wish=st.sampled_from((0, 30, 600, "ack", "ack")))
    def somebody_pauses_or_acknowledges(self, wish: int | str) -> None:
        if isinstance(wish, str):
            self.model.acknowledge()
            self.acknowledged.append(len(self.model.history))
        else:
            self.model.pause(self.model.now + timedelta(seconds=wish) if wish else None)

    # ---- operations

    @precondition(lambda self: self.model.record is not None and self.model.operation is not None)
    @rule(
        outcomes=st.lists(
            st.sampled_from((*(StepOutcome.DONE,) * 4, StepOutcome.PARTIAL, StepOutcome.FAILED, None)),
            min_size=1,
            max_size=8,
        )
    )
    def an_operation_goes_on(self, outcomes: list[StepOutcome | None]) -> None:
        """Steps end well or not; None is a death of our process in the midst of one."""
        for outcome in outcomes:
            if self.model.operation is None:
                break
            self._step(outcome)

    @precondition(lambda self: self.model.record is not None and self.model.operation is not None)
    @rule(outcome=st.sampled_from((StepOutcome.DONE, StepOutcome.DONE, StepOutcome.SKIPPED)))
    def an_operation_goes_to_its_end(self, outcome: StepOutcome) -> None:
        """Of itself it always ends; targets may refuse at apply, whoever they are."""
        while self.model.operation is not None:
            self._step(outcome if self.model.at is StepName.APPLY else StepOutcome.DONE)

    # ---- the controller's look after each event, and the laws

    @invariant()
    def it_looks(self) -> None:
        model = self.model
        if model.record is None:
            self._first_start()
        if model.record is None:
            return
        self._steer()
        situation = model.situation()
        decision = decide(situation)
        event(decision.reason)
        check_decision(situation, decision)
        if model.store_writable and model.operation is None:
            what_is_unknown_is_not_down(situation)
        if isinstance(decision, Move):
            model.act(decision)
            self._begun()
        self._laws(model.known)

    def _laws(self, record: ClusterRecord) -> None:
        assert record.epoch <= record.highest_epoch
        assert record.highest_epoch >= self.highest
        self.highest = record.highest_epoch
        pinned = [pin.server for pin in record.pins]
        assert len(pinned) == len(set(pinned))
        assert record.active not in pinned
        self._maintenance_lasts(record)
        check_wanted(self.model.wanted, frozenset(NAMES), self.wanted)
        if not self.set_back:
            check_spacing(self.model.history, self.model.cluster.failover.cooldown, self.acknowledged)

    def _maintenance_lasts(self, record: ClusterRecord) -> None:
        """Only an operator gives a server back: by its name, or by a move there with force."""
        for server in self.held - maintenance(record.pins):
            assert any(
                operation.rule == Reason.OPERATOR
                and operation.target == server
                and operation.state is OperationState.COMMITTED
                for operation in self.model.history[self.told :]
            )
        self.held, self.told = maintenance(record.pins), len(self.model.history)

    def _first_start(self) -> None:
        model = self.model
        views = tuple(
            view(each.active, balancer=each.name, epoch=each.epoch, downs=each.downs)
            for each in model.balancers
            if each.readable
        )
        if model.balancers and not views:
            return
        parts = snapshot(*model.parts.values(), taken_at=model.now)
        found = find_active(cluster=model.cluster, snapshot=parts, views=views)
        if found is None:
            return
        served = [each.active for each in views if each.active is not None]
        assert not served or found[0] == served[0]
        epoch = first_epoch(views)
        assert all(each.epoch is None or epoch > each.epoch for each in views)
        model.record = ClusterRecord(
            cluster=model.cluster.name,
            active=found[0],
            active_since=model.now,
            epoch=epoch,
            highest_epoch=epoch,
        )

    def _steer(self) -> None:
        """One turn of the loop beside the controller: what can be reached becomes as wanted."""
        wanted = self.model.wanted
        for balancer in self.model.balancers:
            if not balancer.readable:
                continue
            if balancer.epoch is not None and balancer.epoch > wanted.epoch:
                self.model.seen_epoch = max(self.model.seen_epoch, balancer.epoch)
                continue
            if balancer.epoch != wanted.epoch and wanted.active is not None and self._takes(wanted.active):
                balancer.active = wanted.active
            balancer.epoch, balancer.pinned = wanted.epoch, wanted.pinned

    def _begun(self) -> None:
        self.steps = 0
        if self.quick:
            self._carry_out()

    def _carry_out(self) -> None:
        """A server that takes no connection, or answers nothing, is no target of one."""
        while (operation := self.model.operation) is not None:
            refused = self.model.at is StepName.APPLY and not self._takes(operation.target)
            silent = self.model.at is StepName.VERIFY and self.ills.get(operation.target) == "hung"
            self._step(StepOutcome.SKIPPED if refused else StepOutcome.FAILED if silent else StepOutcome.DONE)

    def _step(self, outcome: StepOutcome | None) -> None:
        open_one = self.model.operation
        assert open_one is not None
        self.steps = 0 if outcome is None else self.steps + 1
        before = open_one.epoch
        self.model.step(outcome)
        assert self.steps <= MOST_STEPS
        if self.model.operation is not None:
            assert self.model.operation.epoch >= before
        check_wanted(self.model.wanted, frozenset(NAMES), self.wanted)
        self._steer()

    def _wish(self, request: FailoverRequest) -> None:
        before, busy, situation = self.model.known, self.model.operation is not None, self.model.situation()
        answer = self.model.wish(request)
        if busy:
            assert isinstance(answer, Refusal)
        else:
            check_answer(request, situation, answer)
        if isinstance(answer, Operation):
            assert (answer.target, answer.source) == (request.target or answer.target, before.active)
            assert answer.epoch > before.highest_epoch
            self._begun()
        else:
            assert self.model.known == before

    def _check_in_a_row(self, server: str, checks: int) -> None:
        for number in range(checks):
            if number:
                self.it_looks()
            self.model.now += timedelta(seconds=4)
            self._check(server)

    def _named(self, server: str) -> str:
        record = self.model.record
        return server if server != ACTIVE else record.active if record is not None else NAMES[0]

    def _check_all(self, times: int = 1) -> None:
        for _ in range(times):
            self.model.now += timedelta(seconds=1)
            for server in NAMES:
                self._check(server)

    def _check(self, server: str) -> None:
        ill = self.ills.get(server)
        said = None if ill is None else ILL[ill]
        if ill == WEB:
            self.model.check(server, None, web=said)
        else:
            self.model.check(server, said)
        self._clients_are_served()

    def _clients_are_served(self) -> None:
        """What the balancers see of the active server while its checks fail."""
        record = self.model.record
        ill = None if record is None else self.ills.get(record.active)
        if self.busy and self.model.balancers and ill in {"hung", "isv dead", "no way there"}:
            self.model.traffic = (3, 0 if ill == "hung" else 512)
        else:
            self.model.traffic = None

    def _lift_pins(self) -> None:
        """Ten good probes once the cooldown is over."""
        record = self.model.known
        if cooldown_left(record, self.model.cluster.failover, self.model.now):
            return
        kept = tuple(
            pin for pin in record.pins if pin.kind is not PinKind.FAILOVER or not self._is_well(pin.server)
        )
        self.model.record = replace(record, pins=kept)

    def _is_well(self, server: str) -> bool:
        return server not in self.ills and self.model.parts[server].health.is_up

    def _takes(self, server: str) -> bool:
        return self.ills.get(server) != "down"


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=SEQUENCES,
    stateful_step_count=LENGTH,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
