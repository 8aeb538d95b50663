"""A drill's move where the daemon does not do what it is asked."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rlm_exporter.drill.live import there_and_back
from rlm_exporter.drill.ports import Moved, Standing
from rlm_exporter.drill.result import Finding
from rlm_exporter.drill.trip import Trip
from rlm_exporter.drill.window import parse_window
from rlm_exporter.errors import ApiError
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.rlmutil import RlmutilProbe
from tests.drill.clusters import cluster_of
from tests.simulated import SimulatedServer

STANDING = Standing(active="rlm1", ready=True, because=(), standbys=("rlm2",))
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Mover:
    """Moves, or not, as it is told; knows where the clients are."""

    answers: list[Moved | ApiError]
    active: str | None = "rlm1"
    asked: list[str] = field(default_factory=list)
    told: list[tuple[str, str, bool]] = field(default_factory=list)
    """(source, reason, planned) of each question."""

    def look(self) -> Standing:
        if self.active is None:
            raise ApiError("no answer", status=None, exit_code=5)
        return Standing(active=self.active, ready=True, because=(), standbys=())

    def move(self, target: str, *, source: str, reason: str, planned: bool) -> Moved:
        self.asked.append(target)
        self.told.append((source, reason, planned))
        answer = self.answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer


DONE = Moved(done=True, detail="moved")
FAILED = Moved(done=False, detail="operation 7 failed")
REFUSED = Moved(done=False, detail="rlm3 is active, not rlm1", refused=True)


async def moved(
    mover: Mover, folder: Path, *, window: str | None = None, stay: float = 0, stop: float | None = None
) -> tuple[Finding, ...]:
    """`stop` is the seconds after which somebody ends it."""
    stopped = asyncio.Event()
    if stop == 0:
        stopped.set()
    elif stop is not None:
        asyncio.get_running_loop().call_later(stop, stopped.set)
    cluster = cluster_of(SimulatedServer(folder, name="rlm1"), SimulatedServer(folder, name="rlm2"))
    with RlmutilProbe(rlmutil=None, clock=SystemClock()) as probe:
        found: tuple[Finding, ...] = await there_and_back(
            cluster,
            mover=mover,
            probe=probe,
            standing=STANDING,
            trip=Trip(
                stay=timedelta(seconds=stay), window=None if window is None else parse_window(window, UTC)
            ),
            now=lambda: NOON,
            stop=stopped,
            tell=lambda _: None,
            retry=0.01,
        )
    return found


def outcome(found: tuple[Finding, ...]) -> list[tuple[str, bool]]:
    return [(finding.name, finding.passed) for finding in found]


@pytest.mark.row(46)
@pytest.mark.parametrize(
    ("mover", "window", "asked", "found"),
    [
        (
            Mover([DONE, DONE]),
            None,
            ["rlm2", "rlm1"],
            [("failover rlm1 -> rlm2", True), ("return rlm2 -> rlm1", True)],
        ),
        (Mover([FAILED]), None, ["rlm2"], [("failover rlm1 -> rlm2", False)]),
        # Somebody else was quicker: what they moved is not ours to bring back.
        (Mover([REFUSED], active="rlm3"), None, ["rlm2"], [("failover rlm1 -> rlm2", False)]),
        (
            Mover([FAILED, DONE], active="rlm2"),
            None,
            ["rlm2", "rlm1"],
            [("failover rlm1 -> rlm2", False), ("return rlm2 -> rlm1", True)],
        ),
        (
            Mover([ApiError("lost", status=None, exit_code=5), DONE], active=None),
            None,
            ["rlm2", "rlm1"],
            [("failover rlm1 -> rlm2", False), ("return rlm2 -> rlm1", True)],
        ),
        (
            Mover([DONE]),
            "11:00-12:00",
            ["rlm2"],
            [("failover rlm1 -> rlm2", True), ("return rlm2 -> rlm1", False)],
        ),
    ],
    ids=["both", "stayed", "refused", "moved-all-the-same", "nobody-knows", "window-closed"],
)
async def test_clients_are_brought_home_wherever_they_are(
    tmp_path: Path, mover: Mover, window: str | None, asked: list[str], found: list[tuple[str, bool]]
) -> None:
    assert outcome(await moved(mover, tmp_path, window=window)) == found
    assert mover.asked == asked


async def test_a_refused_return_is_asked_for_again(tmp_path: Path) -> None:
    refused = ApiError("rlm1 is held back", status=409, exit_code=4)
    mover = Mover([DONE, refused, FAILED, DONE], active="rlm2")
    assert outcome(await moved(mover, tmp_path))[1] == ("return rlm2 -> rlm1", True)
    assert mover.asked == ["rlm2", "rlm1", "rlm1", "rlm1"]


@pytest.mark.row(46)
async def test_each_move_says_where_clients_have_to_be_and_whose_it_is(tmp_path: Path) -> None:
    mover = Mover([DONE, DONE])
    await moved(mover, tmp_path)
    assert mover.told == [("rlm1", "drill: to a standby", True), ("rlm2", "drill: return", False)]


@pytest.mark.row(46)
@pytest.mark.parametrize(
    ("active", "said"),
    [
        ("rlm1", "rlm1 is active, and not rlm2: somebody else has moved clients meanwhile"),
        ("rlm3", "meanwhile; return by hand: rlm-ha licenses switchover site --to rlm1"),
    ],
)
async def test_clients_that_somebody_else_has_moved_are_left_where_they_are(
    tmp_path: Path, active: str, said: str
) -> None:
    mover = Mover([DONE, REFUSED], active=active)
    _, back = await moved(mover, tmp_path)
    assert not back.passed
    assert said in back.detail.partition("; no balancer")[0]
    assert mover.asked == ["rlm2", "rlm1"]


@pytest.mark.row(46)
async def test_who_stops_the_stay_has_clients_back_at_once(tmp_path: Path) -> None:
    mover = Mover([DONE, DONE])
    async with asyncio.timeout(20):
        found = await moved(mover, tmp_path, stay=3600, stop=0.1)
    assert outcome(found)[1] == ("return rlm2 -> rlm1", True)


@pytest.mark.row(46)
async def test_nobody_stays_where_it_does_not_go_well(tmp_path: Path) -> None:
    mover = Mover([FAILED, DONE], active="rlm2")
    async with asyncio.timeout(20):
        found = await moved(mover, tmp_path, stay=3600)
    assert outcome(found) == [("failover rlm1 -> rlm2", False), ("return rlm2 -> rlm1", True)]


@pytest.mark.row(46)
async def test_who_stops_it_before_the_move_moves_nobody(tmp_path: Path) -> None:
    mover = Mover([])
    assert outcome(await moved(mover, tmp_path, stop=0)) == [("failover rlm1 -> rlm2", False)]
    assert mover.asked == []
