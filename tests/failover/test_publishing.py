"""Client settings are written beside the writer, and it is known whether they could be."""

from dataclasses import replace

import pytest

from rlm_exporter.failover.memory import Memory
from rlm_exporter.failover.publishing import Publishing
from rlm_exporter.manifest.model import ClientFile, ClientSettingsSpec
from tests.failover.acting import FalteringJournal, Reign, Stage, World
from tests.failover.situations import CLUSTER

FILES = ClientSettingsSpec(files=(ClientFile(path="/srv/rlm.sh"),))
TROUBLE = "/srv/rlm.sh: Permission denied"


@pytest.fixture
def stage(journal: FalteringJournal) -> Stage:
    cluster = replace(CLUSTER, client_settings=FILES)
    return Stage(journal=journal, world=World(unwritable=TROUBLE), cluster=cluster, leadership=Reign())


async def begun(stage: Stage) -> tuple[Publishing, Memory]:
    memory = Memory()
    memory.record = await stage.record()
    return Publishing(outside=stage.outside, memory=memory), memory


async def test_what_cannot_be_written_is_known_until_it_could_be(stage: Stage) -> None:
    publishing, memory = await begun(stage)
    await publishing.now()
    known = [memory.unpublished]
    stage.world.unwritable = None
    await publishing.now()
    assert [*known, memory.unpublished] == [(TROUBLE,), ()]


async def test_a_daemon_that_does_not_act_says_nothing_of_files_that_another_writes(stage: Stage) -> None:
    publishing, memory = await begun(stage)
    await publishing.now()
    assert isinstance(stage.leadership, Reign)
    stage.leadership.become(None)
    await publishing.now()
    assert memory.unpublished is None


async def test_nothing_is_said_where_no_files_are_named(stage: Stage) -> None:
    stage.outside = replace(stage.outside, cluster=CLUSTER)
    publishing, memory = await begun(stage)
    await publishing.now()
    assert memory.unpublished is None
