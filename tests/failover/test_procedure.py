"""Whole operations on a real journal: their steps, their ends, and what follows a kill at any point."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rlm_exporter.failover.procedure import COMMIT_RETRY
from rlm_exporter.failover.trigger import TriggerKind
from rlm_exporter.haproxy.view import Desired, OldWorker
from rlm_exporter.store.records import OperationKind, OperationState, Pin, PinKind, StepOutcome
from tests.clock import START
from tests.failover.acting import FIRST_EPOCH, FalteringJournal, Killed, Stage, World, hook, told, with_hooks
from tests.failover.situations import CLUSTER

DONE, PARTIAL, FAILED = StepOutcome.DONE, StepOutcome.PARTIAL, StepOutcome.FAILED
COMMITTED, ABORTED, ENDED_FAILED = OperationState.COMMITTED, OperationState.ABORTED, OperationState.FAILED
EVERYTHING = with_hooks(before=(hook("before"),), fence=hook("fence"), after=(hook("after"),))
FENCED = with_hooks(fence=hook("fence"))
OTHERS_OF_RLM2 = frozenset({"rlm1", "rlm3"})


# ---- the way through


@pytest.mark.row(11)
async def test_the_steps_stand_in_the_journal_in_their_order(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(), cluster=EVERYTHING)
    operation = await stage.fail_over()

    assert told(operation) == [
        (name, "rlm2", DONE) for name in ("before_hooks", "fence", "apply", "verify", "commit")
    ]
    assert stage.world.done == ["before", "fence", f"lb1 to rlm2 under {operation.epoch}"]
    assert (operation.state, operation.outcome) == (COMMITTED, "done")
    assert stage.notes.steps == ["before_hooks", "fence", "apply", "verify"]
    assert stage.notes.ends == [operation]


async def test_a_commit_writes_whom_when_and_whom_it_holds(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World())
    operation = await stage.fail_over()
    record = await stage.record()

    assert (record.active, record.epoch) == ("rlm2", FIRST_EPOCH + 1)
    assert operation.epoch == record.epoch
    assert record.cooldown_until == START + CLUSTER.failover.cooldown
    assert {pin.server: pin.kind for pin in record.pins} == {"rlm1": PinKind.FAILOVER}


async def test_balancers_hold_whom_the_commit_will_pin(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World())
    operation = await stage.fail_over()
    wanted = Desired(epoch=operation.epoch, active="rlm2", pinned=frozenset({"rlm1"}))
    assert stage.world.sent_to == {"lb1": wanted}
    assert stage.steered == [wanted]


@pytest.mark.parametrize(
    ("changes", "cools"),
    [
        ({}, True),
        ({"kind": OperationKind.ADOPT, "trigger": "balancer"}, True),
        ({"kind": OperationKind.SWITCHOVER, "trigger": "operator"}, False),
        ({"kind": OperationKind.RESYNC, "trigger": "balancer", "target": "rlm1"}, False),
    ],
)
async def test_only_automatic_moves_begin_a_cooldown(
    changes: dict[str, Any], cools: bool, journal: FalteringJournal
) -> None:
    stage = Stage(journal=journal, world=World())
    await stage.fail_over(**changes)
    assert ((await stage.record()).cooldown_until is not None) is cools


@pytest.mark.parametrize("kind", [OperationKind.ADOPT, OperationKind.RESYNC])
async def test_what_only_follows_runs_no_hook_and_fences_nobody(
    kind: OperationKind, journal: FalteringJournal
) -> None:
    stage = Stage(journal=journal, world=World(), cluster=EVERYTHING)
    operation = await stage.fail_over(kind=kind)
    assert [step.step for step in operation.steps] == ["apply", "verify", "commit"]
    assert stage.hooks.events == []


async def test_without_a_balancer_the_target_is_only_probed(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(), balancers=())
    operation = await stage.fail_over()
    assert operation.state is COMMITTED
    assert "clients follow their own settings" in operation.steps[0].detail


@pytest.mark.row(35)
async def test_hooks_get_the_whole_event(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(), cluster=EVERYTHING)
    operation = await stage.fail_over()
    await stage.procedure.announce(operation)

    assert [event.phase for event in stage.hooks.events] == ["before", "fence", "after"]
    assert stage.hooks.events[0].document() == {
        "event": "failover",
        "phase": "before",
        "cluster": CLUSTER.name,
        "operation": operation.id,
        "epoch": operation.epoch,
        "from": "rlm1",
        "from_host": "rlm1.example.com",
        "from_port": 5053,
        "to": "rlm2",
        "to_host": "rlm2.example.com",
        "to_port": 5053,
        "rule": "failed_over",
        "reason": "rlm1 is down",
        "requested_by": "controller",
    }


async def test_what_there_is_to_say_of_calls_that_went_well_stands_in_the_journal(
    journal: FalteringJournal,
) -> None:
    world = World(talkative_hooks={"before": "attempt 2 of 3: went well", "fence": "rlm1 was told to stop"})
    operation = await Stage(journal=journal, world=world, cluster=EVERYTHING).fail_over()
    assert [(step.outcome, step.detail) for step in operation.steps[:2]] == [
        (DONE, "attempt 2 of 3: went well"),
        (DONE, "rlm1 was told to stop"),
    ]


async def test_the_server_that_balancers_are_called_back_to_is_not_fenced(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(), cluster=EVERYTHING)
    operation = await stage.fail_over(target="rlm1", trigger=TriggerKind.OPERATOR)
    assert [(step.step, step.outcome) for step in operation.steps][:2] == [
        ("before_hooks", DONE),
        ("fence", StepOutcome.SKIPPED),
    ]
    assert "fence" not in stage.world.done
    assert operation.state is COMMITTED


@pytest.mark.parametrize(
    "changes",
    [{"kind": OperationKind.SWITCHOVER}, {"trigger": TriggerKind.OPERATOR}],
    ids=["planned", "by hand"],
)
async def test_nobody_is_fenced_for_a_move_that_cannot_be(
    changes: dict[str, Any], journal: FalteringJournal
) -> None:
    stage = Stage(journal=journal, world=World(refusing={"rlm2"}), cluster=FENCED)
    operation = await stage.fail_over(**changes)
    assert operation.state is ABORTED
    assert stage.world.done == []
    [step] = operation.steps
    assert (step.step, step.outcome) == ("fence", FAILED)
    assert step.detail == "nobody was fenced, because rlm2 takes no clients: rlm2 refuses"


async def test_hooks_after_a_commit_that_fail_change_nothing(journal: FalteringJournal) -> None:
    both = with_hooks(after=(hook("after"), hook("after2")))
    stage = Stage(journal=journal, world=World(failing_hooks={"after": "no"}), cluster=both)
    operation = await stage.fail_over()
    await stage.procedure.announce(operation)
    assert stage.world.done[-2:] == ["after", "after2"]
    assert (await stage.record()).active == "rlm2"


# ---- preparations that fail


@pytest.mark.parametrize(("failing", "steps"), [("before", 1), ("fence", 2)])
async def test_a_required_preparation_that_fails_aborts_and_touches_nothing(
    failing: str, steps: int, journal: FalteringJournal
) -> None:
    stage = Stage(journal=journal, world=World(failing_hooks={failing: "no route"}), cluster=EVERYTHING)
    before = await stage.record()
    operation = await stage.fail_over()
    after = await stage.record()

    assert (operation.state, operation.outcome) == (ABORTED, "aborted")
    assert [step.outcome for step in operation.steps] == [DONE] * (steps - 1) + [FAILED]
    assert operation.steps[-1].detail == "no route"
    assert stage.world.sent_to == {}
    assert stage.steered == []
    assert (after.active, after.epoch, after.pins) == (before.active, before.epoch, before.pins)
    assert stage.notes.ends == [operation]


async def test_a_best_effort_preparation_that_fails_is_told_and_the_move_goes_on(
    journal: FalteringJournal,
) -> None:
    gentle = with_hooks(
        before=(hook("before", required=False), hook("before2")), fence=hook("fence", required=False)
    )
    world = World(failing_hooks={"before": "no mail", "fence": "no route"})
    stage = Stage(journal=journal, world=world, cluster=gentle)
    operation = await stage.fail_over()

    assert operation.state is COMMITTED
    assert [(step.outcome, step.detail) for step in operation.steps[:2]] == [
        (PARTIAL, "no mail"),
        (PARTIAL, "no route"),
    ]
    assert "before2" in world.done


# ---- targets that fail


async def test_a_target_that_refuses_is_left_for_the_next_candidate(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(refusing={"rlm1", "rlm2"}))
    operation = await stage.fail_over()

    assert told(operation) == [
        ("apply", "rlm2", FAILED),
        ("apply", "rlm3", DONE),
        ("verify", "rlm3", DONE),
        ("commit", "rlm3", DONE),
    ]
    assert [step.epoch for step in operation.steps] == [FIRST_EPOCH + 1] + [FIRST_EPOCH + 2] * 3
    assert stage.world.done == [f"lb1 to rlm3 under {operation.epoch}"]
    assert (await stage.record()).active == "rlm3"


async def test_a_target_that_cannot_be_verified_is_left_under_a_higher_epoch(
    journal: FalteringJournal,
) -> None:
    stage = Stage(journal=journal, world=World(refusing={"rlm1"}, silent={"rlm2"}))
    operation = await stage.fail_over()

    assert told(operation)[:3] == [
        ("apply", "rlm2", DONE),
        ("verify", "rlm2", FAILED),
        ("apply", "rlm3", DONE),
    ]
    assert operation.steps[1].detail == "lb1: rlm2 says nothing"
    assert stage.world.done == [
        f"lb1 to rlm2 under {FIRST_EPOCH + 1}",
        f"lb1 to rlm3 under {FIRST_EPOCH + 2}",
    ]
    assert (operation.target, operation.state) == ("rlm3", COMMITTED)


async def test_a_balancer_that_does_not_do_what_it_acknowledged_is_no_verified_move(
    journal: FalteringJournal,
) -> None:
    stage = Stage(journal=journal, world=World(stubborn={"lb1"}))
    operation = await stage.fail_over()
    assert (operation.state, operation.outcome) == (ENDED_FAILED, "failed_safe")
    assert "its table names somebody else" in operation.steps[1].detail


async def test_an_operators_target_that_fails_is_not_replaced_by_another(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(silent={"rlm2"}))
    operation = await stage.fail_over(kind=OperationKind.SWITCHOVER, trigger=TriggerKind.OPERATOR)
    assert {step.target for step in operation.steps} == {"rlm1", "rlm2"}
    assert (operation.state, operation.outcome) == (ENDED_FAILED, "rolled_back")


@pytest.mark.row(11)
async def test_an_operators_target_that_refuses_changes_nothing(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(refusing={"rlm2"}))
    operation = await stage.fail_over(kind=OperationKind.SWITCHOVER, trigger=TriggerKind.OPERATOR)
    assert (operation.state, told(operation)) == (ABORTED, [("apply", "rlm2", FAILED)])
    assert stage.world.sent_to == {}


async def test_where_nobody_takes_over_the_old_server_is_asked_again(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(silent={"rlm2", "rlm3"}))
    operation = await stage.fail_over()
    record = await stage.record()

    assert (operation.state, operation.outcome) == (ENDED_FAILED, "rolled_back")
    assert (record.active, record.epoch) == ("rlm1", FIRST_EPOCH + 3)
    assert stage.world.sent_to["lb1"].active == "rlm1"
    assert stage.world.sent_to["lb1"].epoch == record.epoch
    assert record.pins == ()


async def test_where_nobody_is_left_at_all_every_pin_is_lifted(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(refusing={"rlm1"}, silent={"rlm2", "rlm3"}))
    operation = await stage.fail_over()
    record = await stage.record()

    assert (operation.state, operation.outcome) == (ENDED_FAILED, "failed_safe")
    assert (record.active, record.pins) == ("rlm1", ())
    assert stage.steered[-1] == Desired(epoch=record.epoch, active=None)


async def test_a_server_in_maintenance_stays_so_where_nobody_is_left(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(refusing={"rlm1"}, silent={"rlm2", "rlm3"}))
    await stage.record()
    maintenance = Pin(server="rlm3", kind=PinKind.MAINTENANCE, since=START)
    await journal.set_pins(CLUSTER.name, pins=(maintenance,), now=START)
    await stage.fail_over()
    record = await stage.record()

    assert record.pins == (maintenance,)
    assert stage.steered[-1] == Desired(epoch=record.epoch, active=None, pinned=frozenset({"rlm3"}))


@pytest.mark.parametrize("kind", [OperationKind.ADOPT, OperationKind.RESYNC])
async def test_what_only_follows_and_cannot_be_verified_moves_nobody_anywhere(
    kind: OperationKind, journal: FalteringJournal
) -> None:
    """Clients are at rlm2 already. Another server, or the one before, is for the rules to choose."""
    stage = Stage(journal=journal, world=World(silent={"rlm2"}))
    operation = await stage.fail_over(kind=kind, trigger=TriggerKind.BALANCER)
    record = await stage.record()

    assert (operation.state, operation.outcome) == (ENDED_FAILED, "not_verified")
    assert {step.target for step in operation.steps} == {"rlm2"}
    assert (record.active, record.epoch) == ("rlm1", operation.epoch)
    assert stage.steered[-1] == Desired(epoch=operation.epoch, active=None)


@pytest.mark.parametrize("kind", [OperationKind.SWITCHOVER, OperationKind.FAILBACK])
async def test_a_planned_move_that_one_balancer_does_not_do_goes_back_whole(
    kind: OperationKind, journal: FalteringJournal
) -> None:
    """The old server is healthy: a balancer that stays with it would make two servers serve."""
    stage = Stage(journal=journal, world=World(away={"lb2"}), balancers=("lb1", "lb2"))
    operation = await stage.fail_over(kind=kind, trigger=TriggerKind.SCHEDULE)
    record = await stage.record()

    assert (operation.state, operation.outcome) == (ENDED_FAILED, "rolled_back")
    assert record.active == "rlm1"
    assert stage.world.sent_to["lb1"].active == "rlm1"


async def test_an_old_worker_is_waited_for_as_long_as_the_target_is_well(journal: FalteringJournal) -> None:
    old = OldWorker(since=START, left=timedelta(seconds=3))
    stage = Stage(journal=journal, world=World(old_workers={"lb1": old}))
    running = asyncio.create_task(stage.fail_over())
    await stage.sleeping()
    await stage.clock.advance(2)
    assert not running.done()
    stage.world.old_workers.clear()
    await stage.clock.advance(2)
    operation = await running
    assert operation.state is COMMITTED
    assert "waited for the end" in operation.steps[1].detail


async def test_a_target_that_dies_while_an_old_worker_is_waited_for_is_left(
    journal: FalteringJournal,
) -> None:
    old = OldWorker(since=START, left=timedelta(minutes=10))
    stage = Stage(journal=journal, world=World(old_workers={"lb1": old}))
    running = asyncio.create_task(stage.fail_over())
    await stage.sleeping()
    stage.world.refusing.add("rlm2")
    stage.clock.jump(timedelta(hours=-1))
    await stage.clock.advance(1)
    stage.world.old_workers.clear()
    operation = await running
    assert (operation.state, operation.target) == (COMMITTED, "rlm3")


async def test_sessions_that_nothing_cuts_are_told(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(old_workers={"lb1": OldWorker(since=START, left=None)}))
    operation = await stage.fail_over()
    assert operation.state is COMMITTED
    assert "hardStopAfter" in operation.steps[1].detail


async def test_while_a_commit_waits_for_the_journal_a_standby_is_free(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World())
    journal.commits_to_fail = 2
    running = asyncio.create_task(stage.fail_over())
    for _ in range(2):
        await stage.sleeping()
        assert stage.steered[-1].pinned == {"rlm1"}, "rlm3 may serve if rlm2 dies meanwhile"
        await stage.clock.advance(COMMIT_RETRY)
    assert (await running).state is COMMITTED


async def test_where_everybody_refuses_nothing_was_touched(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(refusing={"rlm1", "rlm2", "rlm3"}))
    operation = await stage.fail_over()
    assert operation.state is ABORTED
    assert stage.world.sent_to == {}
    assert stage.steered == []


async def test_a_balancer_that_is_called_back_to_the_active_server_ends_well(
    journal: FalteringJournal,
) -> None:
    stage = Stage(journal=journal, world=World())
    operation = await stage.fail_over(
        target="rlm1", kind=OperationKind.SWITCHOVER, trigger=TriggerKind.OPERATOR
    )
    assert (operation.state, operation.outcome) == (COMMITTED, "done")
    assert (await stage.record()).epoch == operation.epoch


# ---- balancers that fail


async def test_one_of_two_balancers_is_enough_and_is_told(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(away={"lb2"}), balancers=("lb1", "lb2"))
    operation = await stage.fail_over()
    assert (operation.state, operation.outcome) == (COMMITTED, "partial")
    assert [step.outcome for step in operation.steps] == [PARTIAL, PARTIAL, DONE]
    assert operation.steps[0].detail == "lb2: connection refused"


async def test_a_move_that_one_of_two_balancers_did_not_do_is_partial(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(stubborn={"lb2"}), balancers=("lb1", "lb2"))
    operation = await stage.fail_over()
    assert [step.outcome for step in operation.steps] == [DONE, PARTIAL, DONE]
    assert operation.outcome == "partial"


async def test_without_any_balancer_in_reach_nothing_is_committed(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(away={"lb1", "lb2"}), balancers=("lb1", "lb2"))
    operation = await stage.fail_over()
    assert (operation.state, operation.outcome) == (ENDED_FAILED, "failed_safe")
    assert (await stage.record()).active == "rlm1"


async def test_a_balancer_that_has_seen_a_higher_epoch_is_overtaken(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World(seen_epoch=40))
    operation = await stage.fail_over()
    record = await stage.record()

    assert (operation.state, operation.target, operation.epoch) == (COMMITTED, "rlm2", 41)
    assert (record.epoch, record.active) == (41, "rlm2")
    assert told(operation)[:2] == [("apply", "rlm2", FAILED), ("apply", "rlm2", DONE)]


# ---- the journal away


async def test_a_commit_waits_for_the_journal_and_comes_once(journal: FalteringJournal) -> None:
    stage = Stage(journal=journal, world=World())
    operation = await stage.claim()
    journal.commits_to_fail = 3
    task = asyncio.create_task(stage.run(operation))
    async with asyncio.timeout(20):
        while journal.commits_to_fail:
            await stage.clock.advance(0.5)
            open_one = await journal.open_operation(CLUSTER.name)
            assert open_one is None or open_one.target == "rlm2"
        while not task.done():
            await stage.clock.advance(0.5)
            await asyncio.sleep(0.001)
    ended = await task

    assert ended.state is COMMITTED
    assert stage.world.done == [f"lb1 to rlm2 under {ended.epoch}"]
    assert [step.outcome for step in ended.steps if step.step == "commit"] == [None, None, None, DONE]
    assert stage.clock.now() >= START + timedelta(seconds=3)


# ---- killed at every point


Faults = Callable[[], World]

ENDS: dict[str, tuple[Faults, OperationState, str, str]] = {
    "all goes well": (World, COMMITTED, "done", "rlm2"),
    "the target refuses": (lambda: World(refusing={"rlm1", "rlm2"}), COMMITTED, "done", "rlm3"),
    "the target is silent": (lambda: World(refusing={"rlm1"}, silent={"rlm2"}), COMMITTED, "done", "rlm3"),
    "one balancer is away": (lambda: World(away={"lb2"}), COMMITTED, "partial", "rlm2"),
    "the epoch is stale": (lambda: World(seen_epoch=40), COMMITTED, "done", "rlm2"),
    "the fence fails": (lambda: World(failing_hooks={"fence": "no"}), ABORTED, "aborted", "rlm1"),
    "a hook fails": (lambda: World(failing_hooks={"before": "no"}), ABORTED, "aborted", "rlm1"),
    "nobody takes over": (lambda: World(silent={"rlm2", "rlm3"}), ENDED_FAILED, "rolled_back", "rlm1"),
    "nobody is left": (
        lambda: World(refusing={"rlm1"}, silent={"rlm2", "rlm3"}),
        ENDED_FAILED,
        "failed_safe",
        "rlm1",
    ),
}


def life(journal: FalteringJournal, world: World, name: str, kill_at: int | None = None) -> Stage:
    """One life of our process, for a cluster of that name."""
    cluster = replace(EVERYTHING, name=name)
    return Stage(journal=journal, world=world, cluster=cluster, balancers=("lb1", "lb2"), kill_at=kill_at)


async def points_of(journal: FalteringJournal, faults: Faults) -> int:
    """At how many points the operation can be killed."""
    stage = life(journal, faults(), "counted")
    await stage.fail_over()
    return len(stage.seam.points)


@pytest.mark.parametrize("case", ENDS)
async def test_killed_at_any_point_and_taken_up_it_ends_once_and_as_it_would_have(
    case: str, journal: FalteringJournal
) -> None:
    faults, state, outcome, active = ENDS[case]
    points = await points_of(journal, faults)
    assert points >= 4
    for point in range(points):
        name, world = f"killed-at-{point}", faults()
        where = await kill_and_take_up(journal, world, name, point)

        operations = await journal.operations(name)
        moves = [each for each in operations if each.kind is not OperationKind.FIRST_START]
        assert [(each.state, each.outcome) for each in moves] == [(state, outcome)], where
        record = await journal.cluster(name)
        assert record is not None
        assert record.active == active, where
        if state is COMMITTED:
            sent = world.sent_to["lb1"]
            assert (sent.active, sent.epoch) == (active, record.epoch), where
            assert record.epoch == moves[0].epoch, where
        if state is ABORTED:
            assert world.sent_to == {}, where


async def kill_and_take_up(journal: FalteringJournal, world: World, name: str, point: int) -> str:
    """Two lives of our process with a kill between them; returns where that was."""
    first = life(journal, world, name, kill_at=point)
    with pytest.raises(Killed):
        await first.fail_over()
    left = await journal.open_operation(name)
    if left is not None:
        await life(journal, world, name).run(left)
    return f"killed {' '.join(first.seam.points[point])} ({point})"


async def test_hooks_that_went_well_are_not_run_again_after_a_kill(journal: FalteringJournal) -> None:
    world = World()
    count = life(journal, World(), "counted")
    await count.fail_over()
    point = count.seam.points.index(("before", "apply"))
    with pytest.raises(Killed):
        await life(journal, world, "killed", kill_at=point).fail_over()
    left = await journal.open_operation("killed")
    assert left is not None
    await life(journal, world, "killed").run(left)
    assert world.done[:2] == ["before", "fence"]
    assert world.done.count("fence") == 1
