"""The committed truth of a cluster: its first record, its pins, its version."""

import pytest
from sqlalchemy import Engine, text

from rlm_exporter.errors import JournalError
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import ClusterRecord, OperationKind, OperationState, Pin, PinKind
from tests.store.situations import CLUSTER, NOW, OLD_ACTIVE_PINNED, claimed, committed, founded, later

MAINTENANCE = Pin(server="rlm3", kind=PinKind.MAINTENANCE, since=NOW)
SETTLE = Pin(server="rlm2", kind=PinKind.SETTLE, since=NOW, until=later(5))


async def test_nothing_is_known_before_the_first_start(journal: Journal) -> None:
    assert await journal.cluster(CLUSTER) is None
    assert await journal.clusters() == ()


async def test_the_first_start_writes_the_record(journal: Journal) -> None:
    record = await founded(journal, active="rlm2", epoch=7, pins=(MAINTENANCE,))
    assert record == ClusterRecord(
        cluster=CLUSTER,
        active="rlm2",
        active_since=NOW,
        epoch=7,
        highest_epoch=7,
        pins=(MAINTENANCE,),
        version=1,
    )
    assert await journal.cluster(CLUSTER) == record


async def test_the_first_start_is_explained_by_an_operation(journal: Journal) -> None:
    await founded(journal, active="rlm2", epoch=7, reason="lb1 sends to rlm2")
    operation = await journal.last_operation(CLUSTER)
    assert operation is not None
    assert (operation.kind, operation.state) == (OperationKind.FIRST_START, OperationState.COMMITTED)
    assert (operation.rule, operation.trigger, operation.outcome) == ("first_start", "balancer", "done")
    assert (operation.source, operation.target, operation.epoch) == (None, "rlm2", 7)
    assert operation.reason == "lb1 sends to rlm2"
    assert (operation.started_at, operation.committed_at, operation.ended_at) == (NOW, NOW, NOW)


async def test_there_is_one_first_start(journal: Journal) -> None:
    await founded(journal)
    with pytest.raises(ConflictError, match="has a record already"):
        await founded(journal, active="rlm2")
    record = await journal.cluster(CLUSTER)
    assert record is not None
    assert record.active == "rlm1"
    assert len(await journal.operations(CLUSTER)) == 1


async def test_a_cluster_that_comes_back_goes_above_the_epochs_of_its_history(
    journal: Journal, engine: Engine
) -> None:
    await founded(journal)
    await committed(journal, await claimed(journal, minimum_epoch=41))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM cluster"))
    record = await founded(journal, epoch=1)
    assert (record.epoch, record.highest_epoch) == (42, 42)


async def test_clusters_come_by_name_with_their_own_pins(journal: Journal) -> None:
    await founded(journal, cluster="north", pins=(MAINTENANCE, SETTLE))
    await founded(journal, cluster="east", active="a1")
    east, north = await journal.clusters()
    assert (east.cluster, east.active, east.pins) == ("east", "a1", ())
    assert (north.cluster, north.pins) == ("north", (SETTLE, MAINTENANCE))


async def test_pins_are_replaced_and_nothing_else(journal: Journal) -> None:
    await founded(journal, pins=(MAINTENANCE,))
    operation = await claimed(journal)
    before = await committed(journal, operation)
    after = await journal.set_pins(CLUSTER, pins=(SETTLE,), now=later(20), expected_version=before.version)
    assert before.pins == OLD_ACTIVE_PINNED
    assert after.pins == (SETTLE,)
    assert after.version == before.version + 1
    assert (after.active, after.epoch, after.active_since, after.cooldown_until) == (
        before.active,
        before.epoch,
        before.active_since,
        before.cooldown_until,
    )
    assert await journal.cluster(CLUSTER) == after


async def test_pins_are_not_written_over_a_version_nobody_has_seen(journal: Journal) -> None:
    record = await founded(journal)
    await journal.set_pins(CLUSTER, pins=(MAINTENANCE,), now=later(1))
    with pytest.raises(ConflictError, match="has version 2, not 1") as raised:
        await journal.set_pins(CLUSTER, pins=(), now=later(2), expected_version=record.version)
    assert raised.value.operation_id is None
    kept = await journal.cluster(CLUSTER)
    assert kept is not None
    assert kept.pins == (MAINTENANCE,)


async def test_a_cluster_without_a_record_has_no_pins_to_set(journal: Journal) -> None:
    with pytest.raises(JournalError, match="cluster rlm-ha has no record yet"):
        await journal.set_pins(CLUSTER, pins=(), now=NOW)
