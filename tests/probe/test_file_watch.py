"""License files are read beside the checks, and each trouble with them is told once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from rlm_exporter.probe.license_reading import MOST_DATED, LicenseReading, PlacedLicense, make_reading
from rlm_exporter.probe.prober import Prober
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.license_file import parse_license_file
from tests.clock import START, FakeClock
from tests.probe.parts import Notes, ScriptedLicense, ScriptedTcp, ScriptedWeb, cluster, status

pytestmark = pytest.mark.row(13)

EVERY = timedelta(minutes=3)
GONE = "/opt/rlm/a.lic: No such file or directory"
FUTURE = b"HOST a any\nISV siemens\nLICENSE siemens STARCCM 1.0 permanent 5 start=1-apr-2026 sig=1\n"


def reading(text: bytes | None = None, *failures: str) -> LicenseReading:
    files = [("a.lic", parse_license_file(text))] if text else []
    return make_reading(files, failures=failures, at=START, before=None)


@dataclass(kw_only=True)
class ScriptedReader:
    """Gives its readings in turn, the last one again and again."""

    readings: list[LicenseReading | Exception]
    asked: int = field(default=0)

    async def read(self) -> LicenseReading:
        said = self.readings[min(self.asked, len(self.readings) - 1)]
        self.asked += 1
        if isinstance(said, Exception):
            raise said
        return said


class Bench:
    """Two servers without pools; the license files of the first are read."""

    def __init__(self, reader: ScriptedReader) -> None:
        self.clock = FakeClock()
        self.notes = Notes()
        self.license = ScriptedLicense(
            clock=self.clock, statuses={f"10.0.0.{number}": status(pools=()) for number in (1, 2)}
        )
        self.prober = Prober(
            cluster=cluster(),
            license_probe=self.license,
            tcp_probe=ScriptedTcp(clock=self.clock),
            web_probe=ScriptedWeb(clock=self.clock),
            clock=self.clock,
            observer=self.notes,
            jitter=lambda: 0.5,
            license_readers={"rlm1": reader},
            files_every=EVERY,
        )

    def part(self, server: str = "rlm1") -> ServerSnapshot:
        return self.prober.snapshot.server(server)


@asynccontextmanager
async def running(*readings: LicenseReading | Exception) -> AsyncIterator[tuple[Bench, ScriptedReader]]:
    reader = ScriptedReader(readings=list(readings))
    bench = Bench(reader)
    task = asyncio.create_task(bench.prober.run())
    await bench.clock.settle()
    try:
        yield bench, reader
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def test_files_are_read_at_the_start_and_then_every_few_minutes() -> None:
    async with running(reading(FUTURE)) as (bench, reader):
        assert reader.asked == 1
        await bench.clock.advance(2 * EVERY.total_seconds() + 1)
        assert reader.asked == 3
        assert bench.part().license_files == reading(FUTURE)
        assert bench.part("rlm2").license_files is None


async def test_a_reading_that_comes_during_a_check_is_not_lost() -> None:
    async with running(reading(), reading(FUTURE)) as (bench, _):
        bench.license.delays["10.0.0.1"] = 4
        await bench.clock.advance(EVERY.total_seconds() - 1)
        bench.prober.check_now("rlm1")
        await bench.clock.advance(30)
        assert bench.part().license_files == reading(FUTURE)


@pytest.mark.row(7)
async def test_a_license_that_starts_later_gives_no_pool_yet_and_nothing_is_degraded() -> None:
    async with running(reading(FUTURE)) as (bench, _):
        await bench.clock.advance(31)
        assert bench.part().health.degraded is None
        other = bench.part("rlm2").health.degraded
        assert other is not None
        assert other.detail == "no usable pool of STARCCM (siemens)"


async def test_what_cannot_be_read_is_in_no_snapshot_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with running(reading(FUTURE), reading(None, GONE), reading(None, GONE), reading(FUTURE)) as (
        bench,
        _,
    ):
        await bench.clock.advance(2 * EVERY.total_seconds() + 1)
        files = bench.part().license_files
        assert files is not None
        assert files.licenses == ()
        await bench.clock.advance(EVERY.total_seconds())

    assert caplog.messages == [
        f"license files of rlm1 in cluster prod: {GONE}",
        "license files of rlm1 in cluster prod can be read again",
    ]


async def test_too_many_licenses_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    placed = PlacedLicense(place="a.lic:3", isv="siemens", product="A", expires=START.date(), start=None)
    many = LicenseReading(read_at=START, licenses=(placed,) * (MOST_DATED + 1), whole_at=START)
    async with running(many) as (bench, _):
        await bench.clock.advance(3 * EVERY.total_seconds())

    assert len(caplog.messages) == 1
    assert "2001 dated licenses are too many" in caplog.text


async def test_a_defect_of_ours_ends_one_reading_and_leaves_nothing_stale(
    caplog: pytest.LogCaptureFixture,
) -> None:
    defect = RuntimeError("nobody foresaw this")
    async with running(reading(FUTURE), defect, reading(FUTURE)) as (bench, _):
        await bench.clock.advance(EVERY.total_seconds() + 1)
        files = bench.part().license_files
        assert files is not None
        assert files.failures == ("a defect of ours: RuntimeError: nobody foresaw this",)
        assert bench.notes.defects == [("rlm1", defect)]
        await bench.clock.advance(EVERY.total_seconds())
        assert bench.part().license_files == reading(FUTURE)
    assert "nobody foresaw this" in caplog.text
