"""Final denials of a followed report log are counted, and a log that cannot be read is told once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import time

import pytest

from rlm_exporter.manifest.model import Feature, ReportLog
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.denial_reason import USUAL
from rlm_exporter.rlm.report_log_records import Deny
from rlm_exporter.usage.denial_watch import DenialWatch
from rlm_exporter.usage.ports import Followed
from tests.clock import FakeClock
from tests.probe.parts import cluster, pool, status
from tests.probe.programs import until

FEATURES = (Feature(name="STARCCM", isv="Siemens"), Feature(name="LSDYNA", isv="lstc"))


def denial(product: str = "STARCCM", *, why: int = -22, last_attempt: int = 1) -> Deny:
    return Deny(product, "1.0", "alice", "ws1", "", 1, why, last_attempt, (3, 2), time(8, 0))


def found(*denials: Deny, lost: bool = False, more: bool = False) -> Followed:
    return Followed(denials=denials, lost=lost, more=more)


@dataclass
class ScriptedFollower:
    """Gives what it has in turn, then nothing."""

    answers: list[Followed | Exception] = field(default_factory=list)
    read_count: int = 0
    closed: bool = False

    def read(self) -> Followed:
        answer = self.answers.pop(0) if self.answers else found()
        self.read_count += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


@dataclass
class Counts:
    """An observer that keeps what it is told."""

    counted: dict[tuple[str, str], int] = field(default_factory=dict)
    readable: list[bool] = field(default_factory=list)
    defects: list[Exception] = field(default_factory=list)

    def foreseen(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        assert (cluster, server, isv) == ("prod", "rlm1", "siemens")
        assert (feature, reason) not in self.counted
        self.counted[feature, reason] = 0

    def denied(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        assert (cluster, server, isv) == ("prod", "rlm1", "siemens")
        self.counted[feature, reason] = self.counted.get((feature, reason), 0) + 1

    def log_read(self, cluster: str, server: str, isv: str, *, ok: bool) -> None:
        self.readable.append(ok)

    def stumbled(self, cluster: str, server: str, error: Exception) -> None:
        self.defects.append(error)


class Bench:
    """One watch, which reads when it is told."""

    def __init__(self, *answers: Followed | Exception) -> None:
        self.clock = FakeClock()
        self.follower = ScriptedFollower(list(answers))
        self.counts = Counts()
        self.part = ServerSnapshot(server="rlm1")
        self.watch = DenialWatch(
            cluster=cluster(features=FEATURES),
            server="rlm1",
            log=ReportLog(isv="siemens", path="/var/log/rlm/siemens.rl"),
            follower=self.follower,
            part=lambda: self.part,
            clock=self.clock,
            observer=self.counts,
        )

    async def turns(self, number: int) -> None:
        """Let it read so many times more."""
        for wanted in range(self.follower.read_count + 1, self.follower.read_count + number + 1):
            await self.clock.advance(1)
            await until(lambda wanted=wanted: self.follower.read_count >= wanted)  # type: ignore[misc]
        await self.clock.settle()


@asynccontextmanager
async def running(*answers: Followed | Exception) -> AsyncIterator[Bench]:
    bench = Bench(*answers)
    task = asyncio.create_task(bench.watch.run())
    await until(lambda: bench.counts.readable != [])
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
    assert bench.follower.closed


async def test_final_denials_are_counted_from_0() -> None:
    async with running() as bench:
        assert bench.counts.counted == {("STARCCM", reason): 0 for reason in USUAL}
        bench.follower.answers += [
            found(denial(), denial(last_attempt=0), denial(why=-3)),
            found(denial("starccm")),
        ]
        await bench.turns(3)
        assert bench.counts.counted["STARCCM", "all_in_use"] == 2
        assert bench.counts.counted["STARCCM", "expired"] == 1
        assert sum(bench.counts.counted.values()) == 3


async def test_products_that_the_server_has_are_counted_from_0() -> None:
    async with running() as bench:
        answer = status(pools=(pool("NXCAE"), pool("LSDYNA", isv="lstc"), pool("starccm", isv="SIEMENS")))
        bench.part = replace(bench.part, status=answer)
        await bench.turns(1)
        assert set(bench.counts.counted) == {
            *(("STARCCM", reason) for reason in USUAL),
            ("NXCAE", "all_in_use"),
        }


async def test_a_log_that_cannot_be_read_is_told_once_and_counting_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    gone = FileNotFoundError(2, "No such file or directory", "/var/log/rlm/siemens.rl")
    async with running(gone, gone, gone, found(denial())) as bench:
        await bench.turns(4)
        assert bench.counts.counted["STARCCM", "all_in_use"] == 1
        assert bench.counts.readable == [False, True]

    place = "report log of siemens on rlm1 in cluster prod"
    assert caplog.messages == [
        f"{place} cannot be read: /var/log/rlm/siemens.rl: No such file or directory",
        f"{place} can be read again",
    ]


async def test_a_defect_of_ours_ends_one_reading(caplog: pytest.LogCaptureFixture) -> None:
    defect = RuntimeError("nobody foresaw this")
    async with running(found(), defect, found(denial())) as bench:
        await bench.turns(3)
        assert bench.counts.counted["STARCCM", "all_in_use"] == 1
        assert bench.counts.defects == [defect]
        assert bench.counts.readable == [True, False, True]
    assert "nobody foresaw this" in caplog.text


async def test_there_is_no_pause_while_there_is_more_to_read() -> None:
    async with running(*(found(denial(), more=True) for _ in range(20))) as bench:
        await until(lambda: bench.follower.read_count == 21)
        await bench.clock.settle()
        assert bench.counts.counted["STARCCM", "all_in_use"] == 20


async def test_lines_that_went_unread_are_told(caplog: pytest.LogCaptureFixture) -> None:
    async with running(found(denial(), lost=True)) as bench:
        await bench.turns(1)
        assert bench.counts.counted["STARCCM", "all_in_use"] == 1
    [told] = caplog.messages
    assert told.startswith("report log of siemens on rlm1 in cluster prod: lines may have gone unread")
