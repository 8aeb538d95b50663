"""What the writer knows: pins that go when their time has come, a journal tried before it is needed."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.memory import Memory
from rlm_exporter.failover.pins import GOOD_PROBES
from rlm_exporter.failover.truth import WRITE_CHECK, Truth
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.store.records import Pin, PinKind
from tests.clock import START
from tests.failover.acting import FalteringJournal, NoProber, Stage, World
from tests.failover.situations import CLUSTER, snapshot, up


@dataclass(kw_only=True)
class AllWell(NoProber):
    """Our own checks, in which everybody answers."""

    @property
    def snapshot(self) -> ClusterSnapshot:
        return snapshot(up("rlm1"), up("rlm2"), up("rlm3"))


@dataclass(kw_only=True)
class Known:
    """A record of rlm2 with pins, and who tends it."""

    stage: Stage
    memory: Memory
    truth: Truth

    def pinned(self) -> dict[str, PinKind]:
        assert self.memory.record is not None
        return {pin.server: pin.kind for pin in self.memory.record.pins}

    async def time_passes(self, seconds: int, *, writing: bool = True) -> None:
        for _ in range(seconds):
            await self.stage.clock.advance(1)
            await self.truth.tend_pins(writing=writing)


async def known(journal: FalteringJournal, *pins: Pin, world: World | None = None) -> Known:
    stage = Stage(journal=journal, world=world or World())
    await stage.record()
    await journal.set_pins(CLUSTER.name, pins=pins, now=START)
    memory = Memory()
    truth = Truth(outside=replace(stage.outside, prober=AllWell()), memory=memory)
    await truth.read()
    return Known(stage=stage, memory=memory, truth=truth)


def pin(server: str, kind: PinKind = PinKind.FAILOVER) -> Pin:
    return Pin(server=server, kind=kind, since=START)


async def test_a_server_that_has_left_the_manifest_loses_its_pin_and_disturbs_nobody(
    journal: FalteringJournal,
) -> None:
    made = await known(journal, pin("rlm9"), pin("rlm3", PinKind.MAINTENANCE))
    await made.truth.tend_pins()
    assert made.pinned() == {"rlm3": PinKind.MAINTENANCE}
    assert await journal.cluster(CLUSTER.name) == made.memory.record


async def test_a_failovers_pin_goes_after_ten_good_probes_and_maintenance_never(
    journal: FalteringJournal,
) -> None:
    made = await known(journal, pin("rlm2"), pin("rlm3", PinKind.MAINTENANCE))
    await made.time_passes(GOOD_PROBES - 1)
    assert set(made.pinned()) == {"rlm2", "rlm3"}
    await made.time_passes(1)
    assert made.pinned() == {"rlm3": PinKind.MAINTENANCE}


async def test_one_bad_probe_begins_the_count_anew(journal: FalteringJournal) -> None:
    made = await known(journal, pin("rlm2"))
    await made.time_passes(GOOD_PROBES - 1)
    made.stage.world.refusing.add("rlm2")
    await made.time_passes(1)
    made.stage.world.refusing.clear()
    await made.time_passes(GOOD_PROBES - 1)
    assert made.pinned() == {"rlm2": PinKind.FAILOVER}


async def test_a_cooldown_holds_a_failovers_pin(journal: FalteringJournal) -> None:
    made = await known(journal, pin("rlm2"))
    assert made.memory.record is not None
    made.memory.record = replace(made.memory.record, cooldown_until=START + timedelta(seconds=60))
    await made.time_passes(59)
    assert made.pinned() == {"rlm2": PinKind.FAILOVER}
    await made.time_passes(GOOD_PROBES + 1)
    assert made.pinned() == {}


async def test_while_the_journal_is_away_pins_go_in_memory_and_are_written_afterwards(
    journal: FalteringJournal,
) -> None:
    """Else the only standby would stay held for as long as the disk is full."""
    made = await known(journal, pin("rlm2"))
    await made.time_passes(GOOD_PROBES, writing=False)
    assert made.pinned() == {}
    written = await journal.cluster(CLUSTER.name)
    assert written is not None
    assert written.pins == (pin("rlm2"),)
    await made.truth.read()
    await made.time_passes(1)
    assert (await journal.cluster(CLUSTER.name)) == made.memory.record
    assert made.pinned() == {}


async def test_whether_the_journal_takes_writes_is_known_before_it_is_needed(
    journal: FalteringJournal,
) -> None:
    made = await known(journal)
    await journal.close()
    await made.truth.check_writable()  # it was tried a moment ago
    await made.stage.clock.advance(WRITE_CHECK)
    with pytest.raises(JournalError, match="the journal is closed"):
        await made.truth.check_writable()
