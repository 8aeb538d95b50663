"""How an operation comes about, goes on and ends; what is refused, and what may be repeated."""

from dataclasses import replace

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import (
    OperationKind,
    OperationState,
    Pin,
    PinKind,
    Step,
    StepOutcome,
)
from tests.store.situations import (
    CLUSTER,
    OLD_ACTIVE_PINNED,
    apply_done,
    applying,
    claimed,
    committed,
    founded,
    later,
)


async def test_a_claim_opens_an_operation_under_a_new_epoch(journal: Journal) -> None:
    first = await founded(journal, epoch=7)
    operation = await claimed(journal, reason="rlm1 refused", requested_by="night shift", trigger="operator")
    assert operation == await journal.open_operation(CLUSTER) == await journal.operation(operation.id)
    assert (operation.state, operation.outcome) == (OperationState.OPEN, "")
    assert (operation.kind, operation.rule) == (OperationKind.FAILOVER, "failed_over")
    assert (operation.source, operation.target, operation.epoch) == ("rlm1", "rlm2", 8)
    assert (operation.requested_by, operation.reason, operation.trigger) == (
        "night shift",
        "rlm1 refused",
        "operator",
    )
    assert (operation.started_at, operation.committed_at, operation.ended_at) == (later(10), None, None)
    record = await journal.cluster(CLUSTER)
    assert record == replace(first, highest_epoch=8, version=2)


async def test_a_claim_goes_above_an_epoch_that_a_balancer_has_shown(journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal, kind=OperationKind.RESYNC, minimum_epoch=41)
    assert operation.epoch == 41
    await committed(journal, operation)
    assert (await claimed(journal, minimum_epoch=5)).epoch == 42


async def test_an_epoch_is_used_once_even_by_an_operation_that_failed(journal: Journal) -> None:
    await founded(journal)
    first = await claimed(journal)
    await journal.end(first.id, state=OperationState.ABORTED, outcome="aborted", now=later(11))
    assert (await claimed(journal)).epoch == first.epoch + 1


async def test_a_second_claim_is_told_which_operation_is_open(journal: Journal) -> None:
    await founded(journal)
    first = await claimed(journal)
    with pytest.raises(
        ConflictError, match=rf"operation {first.id} \(failover to rlm2\) is under way"
    ) as raised:
        await claimed(journal, target="rlm3")
    assert raised.value.operation_id == first.id
    record = await journal.cluster(CLUSTER)
    assert record is not None
    assert record.highest_epoch == first.epoch


async def test_an_open_operation_does_not_hold_another_cluster(journal: Journal) -> None:
    await founded(journal)
    await founded(journal, cluster="another")
    await claimed(journal)
    assert (await claimed(journal, cluster="another")).epoch == 2


async def test_a_claim_on_a_record_that_moved_is_refused(journal: Journal) -> None:
    record = await founded(journal)
    await journal.set_pins(CLUSTER, pins=(), now=later(1))
    with pytest.raises(ConflictError, match="has version 2, not 1") as raised:
        await claimed(journal, expected_version=record.version)
    assert raised.value.operation_id is None
    assert await journal.open_operation(CLUSTER) is None


async def test_a_claim_needs_a_first_start(journal: Journal) -> None:
    with pytest.raises(JournalError, match="cluster elsewhere has no record yet"):
        await journal.claim(
            cluster="elsewhere",
            kind=OperationKind.FAILOVER,
            rule="failed_over",
            source=None,
            target="rlm2",
            requested_by="controller",
            reason="",
            trigger="detector",
            expected_version=1,
            now=later(0),
        )


async def test_a_request_sent_twice_is_one_operation(journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal, idempotency_key="k1")
    await committed(journal, operation)
    with pytest.raises(ConflictError, match="this idempotency key already") as raised:
        await claimed(journal, idempotency_key="k1")
    assert raised.value.operation_id == operation.id
    found = await journal.operation_by_key(CLUSTER, "k1")
    assert found is not None
    assert (found.id, found.idempotency_key) == (operation.id, "k1")
    assert await journal.operation_by_key(CLUSTER, "k2") is None
    assert await journal.operation_by_key("another", "k1") is None


async def test_a_step_is_written_before_it_runs_and_after(journal: Journal) -> None:
    await founded(journal)
    stepped = await applying(journal)
    before = await journal.open_operation(CLUSTER)
    await apply_done(journal, stepped)
    after = await journal.open_operation(CLUSTER)
    intent = Step(number=1, step="apply", target="rlm2", epoch=2, intent_at=later(11))
    assert before is not None
    assert before.steps == (intent,)
    assert after is not None
    assert after.steps == (
        replace(intent, done_at=later(12), outcome=StepOutcome.DONE, detail="lb1 sends to rlm2"),
    )


async def test_a_step_run_again_gets_a_number_of_its_own(journal: Journal) -> None:
    await founded(journal)
    stepped = await applying(journal)
    again = await journal.intend(stepped.operation.id, step="apply", target="rlm2", epoch=2, now=later(20))
    assert (stepped.number, again) == (1, 2)


async def test_an_outcome_is_written_once(journal: Journal) -> None:
    await founded(journal)
    stepped = await applying(journal)
    await apply_done(journal, stepped)
    await apply_done(journal, stepped)
    with pytest.raises(JournalError, match=r"step 1 \(apply\): its outcome stands already \(done\)"):
        await journal.done(stepped.operation.id, 1, outcome=StepOutcome.FAILED, now=later(13))
    with pytest.raises(JournalError, match="has no step 9"):
        await journal.done(stepped.operation.id, 9, outcome=StepOutcome.DONE, now=later(13))


async def test_the_next_candidate_gets_a_new_epoch(journal: Journal) -> None:
    await founded(journal)
    stepped = await applying(journal)
    led = await journal.retarget(stepped.operation.id, target="rlm3", now=later(15))
    assert (led.target, led.epoch, led.state) == ("rlm3", 3, OperationState.OPEN)
    assert [(step.target, step.epoch) for step in led.steps] == [("rlm2", 2)]
    above = await journal.retarget(led.id, target="rlm3", now=later(16), minimum_epoch=90)
    assert above.epoch == 90
    record = await journal.cluster(CLUSTER)
    assert record is not None
    assert (record.active, record.epoch, record.highest_epoch) == ("rlm1", 1, 90)


async def test_a_commit_makes_the_target_the_truth(journal: Journal) -> None:
    await founded(journal, pins=(Pin(server="rlm3", kind=PinKind.MAINTENANCE, since=later(0)),))
    operation = await claimed(journal)
    record = await committed(journal, operation)
    assert record == await journal.cluster(CLUSTER)
    assert (record.active, record.active_since) == ("rlm2", later(12))
    assert (record.epoch, record.highest_epoch) == (2, 2)
    assert record.pins == OLD_ACTIVE_PINNED
    assert record.cooldown_until == later(310)
    ended = await journal.operation(operation.id)
    assert ended is not None
    assert (ended.state, ended.outcome) == (OperationState.COMMITTED, "done")
    assert (ended.committed_at, ended.ended_at) == (later(12), later(12))
    assert await journal.open_operation(CLUSTER) is None


async def test_a_commit_follows_the_last_target(journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal)
    await journal.retarget(operation.id, target="rlm3", now=later(11))
    record = await committed(journal, operation)
    assert (record.active, record.epoch) == ("rlm3", 3)


async def test_a_commit_made_already_changes_nothing(journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal)
    first = await committed(journal, operation)
    again = await committed(journal, operation, now=later(60), pins=(), outcome="partial")
    assert again == first
    ended = await journal.operation(operation.id)
    assert ended is not None
    assert (ended.outcome, ended.committed_at) == ("done", later(12))


async def test_who_stays_active_has_been_so_since_before(journal: Journal) -> None:
    first = await founded(journal)
    operation = await claimed(journal, kind=OperationKind.RESYNC, target="rlm1", minimum_epoch=41)
    record = await committed(journal, operation, pins=(), cooldown_until=None)
    assert (record.active, record.active_since, record.epoch) == ("rlm1", first.active_since, 41)


async def test_a_move_without_a_cooldown_leaves_the_one_that_runs(journal: Journal) -> None:
    await founded(journal)
    await committed(journal, await claimed(journal), cooldown_until=later(310))
    by_hand = await claimed(journal, kind=OperationKind.SWITCHOVER, target="rlm3", now=later(30))
    record = await committed(journal, by_hand, cooldown_until=None, now=later(31))
    assert record.cooldown_until == later(310)


async def test_steps_may_follow_a_commit(journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal)
    await committed(journal, operation)
    number = await journal.intend(operation.id, step="after_hooks", target="rlm2", epoch=2, now=later(13))
    await journal.done(operation.id, number, outcome=StepOutcome.FAILED, detail="exit 1", now=later(14))
    ended = await journal.operation(operation.id)
    assert ended is not None
    assert [(step.step, step.outcome) for step in ended.steps] == [("after_hooks", StepOutcome.FAILED)]


@pytest.mark.parametrize("state", [OperationState.ABORTED, OperationState.FAILED])
async def test_an_operation_ends_without_a_commit(journal: Journal, state: OperationState) -> None:
    first = await founded(journal)
    operation = await claimed(journal)
    await journal.end(operation.id, state=state, outcome="fence", now=later(20))
    await journal.end(operation.id, state=state, outcome="fence", now=later(99))
    ended = await journal.operation(operation.id)
    assert ended is not None
    assert (ended.state, ended.outcome) == (state, "fence")
    assert (ended.committed_at, ended.ended_at) == (None, later(20))
    record = await journal.cluster(CLUSTER)
    assert record is not None
    assert (record.active, record.epoch) == (first.active, first.epoch)


@pytest.mark.parametrize("state", [OperationState.OPEN, OperationState.COMMITTED])
async def test_an_end_is_not_a_commit(journal: Journal, state: OperationState) -> None:
    await founded(journal)
    operation = await claimed(journal)
    with pytest.raises(ValueError, match=f"cannot be ended as {state}"):
        await journal.end(operation.id, state=state, outcome="done", now=later(20))


async def test_a_roll_back_keeps_the_old_server_under_the_epoch_that_was_used(journal: Journal) -> None:
    first = await founded(journal)
    operation = await claimed(journal)
    back = await journal.retarget(operation.id, target="rlm1", now=later(15))
    record = await journal.roll_back(operation.id, pins=(), outcome="rolled_back", now=later(16))
    assert (record.active, record.active_since) == ("rlm1", first.active_since)
    assert (record.epoch, record.highest_epoch) == (back.epoch, 3)
    assert await journal.roll_back(operation.id, pins=(), outcome="rolled_back", now=later(17)) == record
    ended = await journal.operation(operation.id)
    assert ended is not None
    assert (ended.state, ended.outcome, ended.ended_at) == (OperationState.FAILED, "rolled_back", later(16))


async def test_what_ended_otherwise_cannot_go_on(journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal)
    await journal.end(operation.id, state=OperationState.ABORTED, outcome="aborted", now=later(11))
    ended = f"operation {operation.id} ended already: aborted"
    with pytest.raises(JournalError, match=ended):
        await committed(journal, operation)
    with pytest.raises(JournalError, match=ended):
        await journal.roll_back(operation.id, pins=(), outcome="rolled_back", now=later(12))
    with pytest.raises(JournalError, match=ended):
        await journal.retarget(operation.id, target="rlm3", now=later(12))
    with pytest.raises(JournalError, match=ended):
        await journal.intend(operation.id, step="apply", target="rlm2", epoch=2, now=later(12))
    with pytest.raises(JournalError, match=ended):
        await journal.end(operation.id, state=OperationState.FAILED, outcome="", now=later(12))


async def test_an_unknown_operation_is_named(journal: Journal) -> None:
    with pytest.raises(JournalError, match="there is no operation 99"):
        await journal.commit(99, outcome="done", pins=(), cooldown_until=None, now=later(0))
    assert await journal.operation(99) is None
