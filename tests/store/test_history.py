"""Reading back: operations with all that belongs to them, counts for the rules, decisions that held."""

from sqlalchemy import Engine, event

from rlm_exporter.store.history import read_operations
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import FailedAttempts, OperationKind, StepOutcome
from tests.store.situations import (
    CLUSTER,
    NOW,
    alert,
    applying,
    claimed,
    committed,
    failed,
    founded,
    later,
)


async def moves(journal: Journal, count: int) -> None:
    """So many committed moves a minute apart, each with a step and an alert."""
    await founded(journal)
    for n in range(count):
        await journal.record_alerts([alert(fingerprint=f"f{n}")], now=NOW)
        stepped = await applying(journal, now=later(60 * n), alerts=[f"f{n}"])
        await journal.done(stepped.operation.id, 1, outcome=StepOutcome.DONE, now=later(60 * n))
        await committed(journal, stepped.operation, now=later(60 * n))


async def test_nothing_happened_yet(journal: Journal) -> None:
    assert await journal.operations(CLUSTER) == ()
    assert await journal.open_operation(CLUSTER) is None
    assert await journal.last_operation(CLUSTER) is None
    assert await journal.failed_attempts(CLUSTER) == FailedAttempts(count=0, last_ended_at=None)
    assert await journal.committed_since(CLUSTER, since=NOW) == 0
    assert await journal.held(CLUSTER) == ()


async def test_operations_come_newest_first_with_their_own_steps_and_alerts(journal: Journal) -> None:
    await moves(journal, 3)
    found = await journal.operations(CLUSTER)
    assert [one.started_at for one in found] == [later(120), later(60), later(0), NOW]
    assert [[one.fingerprint for one in operation.alerts] for operation in found] == [
        ["f2"],
        ["f1"],
        ["f0"],
        [],
    ]
    assert [[(step.step, step.epoch) for step in operation.steps] for operation in found] == [
        [("apply", 4)],
        [("apply", 3)],
        [("apply", 2)],
        [],
    ]
    assert await journal.last_operation(CLUSTER) == found[0]


async def test_operations_are_limited_by_time_and_number(journal: Journal) -> None:
    await moves(journal, 3)
    assert len(await journal.operations(CLUSTER, since=later(60))) == 2
    assert [one.started_at for one in await journal.operations(CLUSTER, limit=1)] == [later(120)]
    assert await journal.operations("another") == ()


async def test_many_operations_cost_as_many_statements_as_one(journal: Journal, engine: Engine) -> None:
    await moves(journal, 5)
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.extend({str(arguments[2])} - {"BEGIN IMMEDIATE"})

    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", note)
        read_operations(connection, CLUSTER, since=None, limit=1)
        for_one = len(statements)
        read_operations(connection, CLUSTER, since=None, limit=100)
    assert len(statements) - for_one == for_one == 3


async def test_only_committed_moves_count_as_moves(journal: Journal) -> None:
    await founded(journal)
    await committed(journal, await claimed(journal, kind=OperationKind.ADOPT), now=later(100))
    await committed(journal, await claimed(journal, kind=OperationKind.RESYNC), now=later(200))
    await failed(journal, at=later(300))
    await committed(journal, await claimed(journal, kind=OperationKind.FAILOVER), now=later(400))
    await claimed(journal)
    assert await journal.committed_since(CLUSTER, since=NOW) == 2
    assert await journal.committed_since(CLUSTER, since=later(100)) == 2
    assert await journal.committed_since(CLUSTER, since=later(101)) == 1
    assert await journal.committed_since("another", since=NOW) == 0


async def test_failures_in_a_row_are_counted_until_a_move(journal: Journal) -> None:
    await founded(journal)
    await failed(journal, at=later(30))
    await failed(journal, at=later(90))
    assert await journal.failed_attempts(CLUSTER) == FailedAttempts(count=2, last_ended_at=later(90))
    await committed(journal, await claimed(journal))
    assert await journal.failed_attempts(CLUSTER) == FailedAttempts(count=0, last_ended_at=None)
    await failed(journal, at=later(500))
    assert await journal.failed_attempts(CLUSTER) == FailedAttempts(count=1, last_ended_at=later(500))


async def test_a_roll_back_and_a_resync_raise_the_epoch_and_the_incident_goes_on(journal: Journal) -> None:
    await founded(journal)
    await failed(journal, at=later(30))
    rolled_back = await claimed(journal)
    await journal.roll_back(rolled_back.id, pins=(), outcome="rolled_back", now=later(60))
    resync = await claimed(journal, kind=OperationKind.RESYNC, target="rlm1")
    await committed(journal, resync, now=later(61))
    assert await journal.failed_attempts(CLUSTER) == FailedAttempts(count=2, last_ended_at=later(60))


async def test_a_resync_that_found_another_active_server_begins_anew(journal: Journal) -> None:
    await founded(journal)
    await failed(journal, at=later(30))
    await committed(journal, await claimed(journal, kind=OperationKind.RESYNC, target="rlm3"))
    assert await journal.failed_attempts(CLUSTER) == FailedAttempts(count=0, last_ended_at=None)


async def test_an_attempt_under_way_has_not_failed(journal: Journal) -> None:
    await founded(journal)
    await claimed(journal)
    assert await journal.failed_attempts(CLUSTER) == FailedAttempts(count=0, last_ended_at=None)


async def test_decisions_that_held_come_newest_first(journal: Journal) -> None:
    await journal.hold(CLUSTER, rule="in_cooldown", trigger="detector", detail="200 s left", now=NOW)
    await journal.hold(CLUSTER, rule="no_candidate", trigger="alert", detail="nobody", now=later(9))
    await journal.hold("another", rule="paused", trigger="alert", detail="", now=later(9))
    newest, oldest = await journal.held(CLUSTER)
    assert (newest.rule, newest.trigger, newest.detail, newest.at) == (
        "no_candidate",
        "alert",
        "nobody",
        later(9),
    )
    assert oldest.rule == "in_cooldown"
    assert await journal.held(CLUSTER, since=later(1)) == (newest,)
    assert await journal.held(CLUSTER, limit=1) == (newest,)
