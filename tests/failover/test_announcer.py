"""Hooks after a commit: at least once, in order, and after a crash too. On a real journal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from rlm_exporter.failover.announcer import LATEST_ANNOUNCEMENT, Announcer
from rlm_exporter.failover.trigger import TriggerKind
from rlm_exporter.store.records import Operation, OperationKind, OperationState, Step, StepOutcome
from tests.clock import START
from tests.failover.acting import FalteringJournal, Killed, Reign, Stage, World, hook, with_hooks

pytestmark = pytest.mark.row(35)

ANNOUNCED = with_hooks(after=(hook("after"),))


def stage(journal: FalteringJournal, world: World | None = None, *, kill_at: int | None = None) -> Stage:
    return Stage(journal=journal, world=world or World(), cluster=ANNOUNCED, kill_at=kill_at)


@asynccontextmanager
async def announcing(made: Stage) -> AsyncIterator[Announcer]:
    """An announcer whose group has ended when the block has."""
    announcer = Announcer(outside=made.outside, procedure=made.procedure)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        announcer.group = group
        yield announcer


async def until_called(made: Stage, *targets: str) -> None:
    """Return when hooks have been told of these moves."""
    async with asyncio.timeout(10):
        while called(made) != list(targets):  # noqa: ASYNC110 - the journal's thread sets no event
            await asyncio.sleep(0.005)


def called(made: Stage) -> list[str]:
    """Where clients were moved, by each hook that was called."""
    return [event.target.name for event in made.hooks.events]


async def after_hooks(journal: FalteringJournal, operation: Operation) -> list[Step]:
    known = await journal.operation(operation.id)
    assert known is not None
    return [step for step in known.steps if step.step == "after_hooks"]


async def newest_first(journal: FalteringJournal) -> tuple[Operation, ...]:
    return await journal.operations(ANNOUNCED.name)


async def test_hooks_run_after_a_move_and_once(journal: FalteringJournal) -> None:
    made = stage(journal)
    operation = await made.fail_over()
    async with announcing(made) as announcer:
        announcer.announce(operation.id)
        announcer.announce(operation.id)
    assert made.world.done.count("after") == 1
    [step] = await after_hooks(journal, operation)
    assert step.outcome is StepOutcome.DONE


async def test_a_daemon_that_acts_no_more_calls_no_further_hook(journal: FalteringJournal) -> None:
    """Whoever acts now calls them from the first on."""
    reign, go_on = Reign(), asyncio.Event()
    two = with_hooks(after=(hook("first"), hook("second")))
    made = Stage(journal=journal, world=World(hooks_go_on=go_on), cluster=two, leadership=reign)
    operation = await made.fail_over()
    async with announcing(made) as announcer:
        announcer.announce(operation.id)
        await until_called(made, "rlm2")
        reign.stretch = None  # the freeze is over, and nobody has noticed yet
        go_on.set()
    assert made.world.done[-1] == "first"
    [step] = await after_hooks(journal, operation)
    assert step.outcome is None


async def test_a_hook_that_runs_is_ended_with_the_lease(journal: FalteringJournal) -> None:
    reign = Reign()
    made = Stage(
        journal=journal, world=World(hooks_go_on=asyncio.Event()), cluster=ANNOUNCED, leadership=reign
    )
    operation = await made.fail_over()
    async with announcing(made) as announcer:
        announcer.announce(operation.id)
        await until_called(made, "rlm2")
        reign.become(None)
    assert (await after_hooks(journal, operation))[-1].outcome is None


@pytest.mark.parametrize("moment", ["before", "intended", "ran"])
async def test_hooks_that_a_kill_cut_short_are_run_again_and_both_runs_are_told(
    moment: str, journal: FalteringJournal
) -> None:
    count = stage(journal)
    operation = await count.fail_over()
    await count.procedure.announce(operation)
    point = count.seam.points.index((moment, "after_hooks"))

    world = World()
    killed = stage(journal, world, kill_at=point)
    moved = await killed.fail_over(target="rlm3")
    with pytest.raises(Killed):
        await killed.procedure.announce(moved)

    async with announcing(stage(journal, world)) as announcer:
        announcer.catch_up(await newest_first(journal))

    assert world.done.count("after") == (2 if moment == "ran" else 1)
    outcomes = [step.outcome for step in await after_hooks(journal, moved)]
    assert outcomes == ([StepOutcome.DONE] if moment == "before" else [None, StepOutcome.DONE])


async def test_hooks_that_had_begun_are_run_again_however_long_we_were_away(
    journal: FalteringJournal,
) -> None:
    made = stage(journal)
    operation = await made.fail_over()
    await journal.intend(operation.id, step="after_hooks", target="rlm2", epoch=operation.epoch, now=START)
    made.clock.jump(timedelta(days=3))
    async with announcing(made) as announcer:
        announcer.catch_up(await newest_first(journal))
    assert made.world.done.count("after") == 1


@pytest.mark.parametrize(("passed", "times"), [(timedelta(minutes=9), 1), (LATEST_ANNOUNCEMENT, 0)])
async def test_hooks_that_are_new_to_the_manifest_hear_nothing_of_old_moves(
    passed: timedelta, times: int, journal: FalteringJournal
) -> None:
    made = stage(journal)
    await made.fail_over()
    made.clock.jump(passed)
    async with announcing(made) as announcer:
        announcer.catch_up(await newest_first(journal))
    assert made.world.done.count("after") == times


async def test_a_failed_attempt_since_the_move_does_not_hide_it(journal: FalteringJournal) -> None:
    made = stage(journal)
    moved = await made.fail_over()
    made.world.refusing |= {"rlm3"}
    failed = await made.fail_over(source="rlm2", target="rlm3", trigger=TriggerKind.OPERATOR)
    assert failed.state is OperationState.ABORTED
    async with announcing(made) as announcer:
        announcer.catch_up(await newest_first(journal))
    assert [step.outcome for step in await after_hooks(journal, moved)] == [StepOutcome.DONE]
    assert await after_hooks(journal, failed) == []


async def test_only_the_last_move_is_news(journal: FalteringJournal) -> None:
    made = stage(journal)
    first = await made.fail_over()
    second = await made.fail_over(source="rlm2", target="rlm3")
    async with announcing(made) as announcer:
        announcer.announce(second.id)
    async with announcing(made) as announcer:
        announcer.catch_up(await newest_first(journal))
    assert await after_hooks(journal, first) == []
    assert len(await after_hooks(journal, second)) == 1


@pytest.mark.parametrize("kind", [OperationKind.ADOPT, OperationKind.RESYNC])
async def test_an_adoption_is_announced_for_clients_are_elsewhere(
    kind: OperationKind, journal: FalteringJournal
) -> None:
    made = stage(journal)
    operation = await made.fail_over(kind=kind)
    async with announcing(made) as announcer:
        announcer.announce(operation.id)
    assert made.world.done.count("after") == (1 if kind is OperationKind.ADOPT else 0)


async def test_a_later_move_is_told_after_an_earlier_one(journal: FalteringJournal) -> None:
    go_on = asyncio.Event()
    made = stage(journal, World(hooks_go_on=go_on))
    first = await made.fail_over()
    second = await made.fail_over(source="rlm2", target="rlm3")
    async with announcing(made) as announcer:
        announcer.announce(first.id)
        announcer.announce(second.id)
        await until_called(made, "rlm2")
        assert await after_hooks(journal, second) == []
        go_on.set()
    assert called(made) == ["rlm2", "rlm3"]


async def test_hooks_that_our_end_cut_short_are_run_again(journal: FalteringJournal) -> None:
    made = stage(journal, World(hooks_go_on=asyncio.Event()))
    operation = await made.fail_over()

    async def until_cancelled() -> None:
        async with announcing(made) as announcer:
            announcer.announce(operation.id)

    life = asyncio.create_task(until_cancelled())
    await until_called(made, "rlm2")
    life.cancel()
    with pytest.raises(asyncio.CancelledError):
        await life

    async with announcing(again := stage(journal)) as announcer:
        announcer.catch_up(await newest_first(journal))
    assert called(again) == ["rlm2"]
    outcomes = [step.outcome for step in await after_hooks(journal, operation)]
    assert outcomes == [None, StepOutcome.DONE]
