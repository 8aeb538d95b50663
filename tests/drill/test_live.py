"""A drill's move where the daemon does not do what it is asked."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rlm_exporter.drill.live import there_and_back
from rlm_exporter.drill.ports import Moved, Standing
from rlm_exporter.drill.result import Finding
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

    def look(self) -> Standing:
        if self.active is None:
            raise ApiError("no answer", status=None, exit_code=5)
        return Standing(active=self.active, ready=True, because=(), standbys=())

    def move(self, target: str) -> Moved:
        self.asked.append(target)
        answer = self.answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer


DONE = Moved(done=True, detail="moved")
FAILED = Moved(done=False, detail="operation 7 failed")


async def moved(mover: Mover, folder: Path, *, window: str | None = None) -> list[tuple[str, bool]]:
    cluster = cluster_of(SimulatedServer(folder, name="rlm1"), SimulatedServer(folder, name="rlm2"))
    with RlmutilProbe(rlmutil=None, clock=SystemClock()) as probe:
        found: tuple[Finding, ...] = await there_and_back(
            cluster,
            mover=mover,
            probe=probe,
            standing=STANDING,
            to=None,
            stay=timedelta(0),
            window=None if window is None else parse_window(window, UTC),
            now=lambda: NOON,
            retry=0.01,
        )
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
    ids=["both", "stayed", "moved-all-the-same", "nobody-knows", "window-closed"],
)
async def test_clients_are_brought_home_wherever_they_are(
    tmp_path: Path, mover: Mover, window: str | None, asked: list[str], found: list[tuple[str, bool]]
) -> None:
    assert await moved(mover, tmp_path, window=window) == found
    assert mover.asked == asked


async def test_a_refused_return_is_asked_for_again(tmp_path: Path) -> None:
    refused = ApiError("rlm1 is held back", status=409, exit_code=4)
    mover = Mover([DONE, refused, FAILED, DONE])
    assert (await moved(mover, tmp_path))[1] == ("return rlm2 -> rlm1", True)
    assert mover.asked == ["rlm2", "rlm1", "rlm1", "rlm1"]
