"""How many seats there were, in both databases."""

from dataclasses import replace

from rlm_exporter.store.journal import Journal
from rlm_exporter.store.usage_records import Seats
from tests.store.situations import NOW, later

FOUR = Seats(cluster="prod", isv="siemens", feature="solver", since=NOW, seats=4, reserved=1, server="rlm1")


async def test_the_newest_of_each_feature_is_known(journal: Journal) -> None:
    later_five = replace(FOUR, since=later(60), seats=5, server="rlm2")
    endless = replace(FOUR, feature="mesher", seats=None)
    others = [replace(FOUR, cluster="lab"), replace(FOUR, isv="acme")]
    await journal.record_seats([later_five, FOUR, endless, *others])
    assert await journal.known_seats(cluster="prod") == (others[1], endless, later_five)
    assert await journal.known_seats(cluster="nobody") == ()


async def test_the_same_again_changes_nothing(journal: Journal) -> None:
    await journal.record_seats([FOUR])
    await journal.record_seats([FOUR])
    await journal.record_seats([])
    assert await journal.known_seats(cluster="prod") == (FOUR,)
