"""Somebody else's hand at a balancer is in the journal, once for each thing that it does."""

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.foreign_hands import ForeignHands
from tests.failover.acting import FalteringJournal, Stage, World
from tests.failover.situations import CLUSTER


async def told(journal: FalteringJournal) -> list[str]:
    """What the journal has of it, oldest first."""
    rows = await journal.held(CLUSTER.name)
    return [row.detail for row in reversed(rows) if row.rule == "foreign_hand"]


async def test_each_change_by_another_hand_is_written_down_once(journal: FalteringJournal) -> None:
    world = World()
    hands = ForeignHands(Stage(journal=journal, world=world, balancers=("lb1", "lb2")).outside)
    await hands.look()
    assert await told(journal) == []

    world.foreign_hands["lb2"] = "rlm1 maint"
    await hands.look()
    await hands.look()
    world.foreign_hands["lb2"] = "rlm1 ready"
    await hands.look()
    world.foreign_hands.clear()
    await hands.look()
    world.foreign_hands["lb2"] = "rlm1 ready"
    await hands.look()

    said = "lb2: somebody else has changed who is held: rlm1"
    assert await told(journal) == [f"{said} maint", f"{said} ready", f"{said} ready"]


async def test_what_the_journal_did_not_take_is_told_as_an_error(journal: FalteringJournal) -> None:
    world = World(foreign_hands={"lb1": "rlm1 maint"})
    hands = ForeignHands(Stage(journal=journal, world=world).outside)
    await journal.close()
    for _ in range(2):
        with pytest.raises(JournalError, match="the journal is closed"):
            await hands.look()
