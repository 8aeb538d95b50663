import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.result import FailureReason, LicenseResult
from rlm_exporter.probe.rlmutil import RlmutilProbe, find_rlmutil
from tests.probe.programs import (
    DATA,
    alive,
    children,
    number,
    open_files,
    shell,
    until,
    until_gone,
    until_written,
)

pytestmark = pytest.mark.row(5)

GOOD = DATA / "12.2-two-pools-in-use.txt"
LONG = timedelta(seconds=20)
SHORT = timedelta(seconds=0.4)
SOON = 3.0
"""Seconds; far above what a killed probe needs and far below what the programs here would sleep."""

Ask = Callable[[Path | None], RlmutilProbe]


@pytest.fixture
def asking() -> Iterator[Ask]:
    probes: list[RlmutilProbe] = []

    def make(rlmutil: Path | None, environ: Mapping[str, str] = os.environ) -> RlmutilProbe:
        probes.append(RlmutilProbe(rlmutil=rlmutil, clock=SystemClock(), environ=environ))
        return probes[-1]

    yield make
    for probe in probes:
        probe.close()


async def ask(probe: RlmutilProbe, timeout: timedelta = LONG) -> LicenseResult:
    return await probe.probe("rlm1.example.com", 5053, timeout=timeout)


def reason(result: LicenseResult) -> FailureReason:
    assert result.payload is None
    assert result.failure is not None
    return result.failure.reason


def detail(result: LicenseResult) -> str:
    assert result.failure is not None
    return result.failure.detail


async def test_reads_what_rlmutil_prints(asking: Ask, tmp_path: Path) -> None:
    result = await ask(asking(shell(tmp_path / "rlmutil", f"cat '{GOOD}'")))

    assert result.ok
    assert result.payload is not None
    assert [pool.product for pool in result.payload.pools] == ["STARCCM", "NXCAE"]
    assert result.duration > timedelta(0)


async def test_asks_one_server_for_everything(asking: Ask, tmp_path: Path) -> None:
    seen = tmp_path / "arguments"
    await ask(asking(shell(tmp_path / "rlmutil", f"printf '%s\\n' \"$@\" > '{seen}'")))
    assert seen.read_text().split() == ["rlmstat", "-a", "-c", "5053@rlm1.example.com"]


async def test_runs_with_a_reduced_environment_in_an_empty_directory(asking: Ask, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    tool = shell(tmp_path / "rlmutil", f"{{ env; echo files=$(ls -A | wc -l); cat; }} > '{seen}'")
    environ = {"PATH": os.environ["PATH"], "HOME": "/home/me", "RLM_LICENSE": "5053@other", "LANG": "de_DE"}
    probe = RlmutilProbe(rlmutil=tool, clock=SystemClock(), environ=environ)

    await ask(probe)
    probe.close()

    lines = set(seen.read_text().splitlines())
    assert {"HOME=/home/me", "LANG=C", "RLM_CONNECT_TIMEOUT=5", "files=0"} <= lines
    assert not any(line.startswith(("RLM_LICENSE", "LANG=de")) for line in lines)


def test_close_removes_the_directory(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with RlmutilProbe(rlmutil=shell(tmp_path / "rlmutil", f"pwd > '{seen}'"), clock=SystemClock()) as probe:
        asyncio.run(ask(probe))
        directory = Path(seen.read_text().strip())
        assert directory.is_dir()
    assert not directory.exists()


async def test_a_directory_taken_by_a_cleaner_is_made_again(asking: Ask, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    probe = asking(shell(tmp_path / "rlmutil", f"pwd > '{seen}'; cat '{GOOD}'"))
    await ask(probe)
    shutil.rmtree(seen.read_text().strip())
    assert (await ask(probe)).ok


async def test_the_text_decides_and_not_the_exit_status(asking: Ask, tmp_path: Path) -> None:
    good = await ask(asking(shell(tmp_path / "good", f"cat '{GOOD}'; exit 1")))
    bad = await ask(asking(shell(tmp_path / "bad", f"cat '{DATA / '12.2-connect-error.txt'}'")))

    assert good.ok
    assert reason(bad) is FailureReason.NO_ANSWER


@pytest.mark.parametrize("body", ["echo hello", "true"], ids=["garbage", "nothing"])
async def test_anything_else_is_garbage(asking: Ask, tmp_path: Path, body: str) -> None:
    result = await ask(asking(shell(tmp_path / "rlmutil", f"{body}; exit 3")))
    assert reason(result) is FailureReason.GARBAGE
    assert "rlmutil ended with 3" in detail(result)


async def test_an_answer_that_breaks_off_with_its_program_is_no_answer(asking: Ask, tmp_path: Path) -> None:
    cut = tmp_path / "cut.txt"
    cut.write_bytes(GOOD.read_bytes()[: GOOD.read_bytes().index(b"inuse: 5") + 4])
    result = await ask(asking(shell(tmp_path / "rlmutil", f"cat '{cut}'; kill -9 $$")))
    assert reason(result) is FailureReason.GARBAGE


async def test_an_overrun_is_killed_at_the_limit(asking: Ask, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()

    tool = shell(tmp_path / "rlmutil", f"cat '{GOOD}'; echo $$ > '{pid}'; exec sleep 60")
    result = await ask(asking(tool), SHORT)

    assert reason(result) is FailureReason.TIMEOUT
    assert SHORT.total_seconds() <= time.monotonic() - began < SOON
    assert not alive(number(pid))
    assert result.duration >= SHORT


async def test_a_wrapper_dies_with_its_child_that_holds_the_pipe(asking: Ask, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()

    result = await ask(asking(shell(tmp_path / "rlmutil", f"sleep 60 & echo $! > '{pid}'; wait")), SHORT)

    assert reason(result) is FailureReason.TIMEOUT
    assert time.monotonic() - began < SOON
    await until_gone(number(pid))


async def test_a_grandchild_that_left_the_group_cannot_hold_us(asking: Ask, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()

    tool = shell(tmp_path / "rlmutil", f"setsid sh -c 'echo $$ > \"{pid}\"; exec sleep 60' & wait; sleep 60")
    result = await ask(asking(tool), SHORT)
    took = time.monotonic() - began
    os.kill(await until_written(pid), signal.SIGKILL)

    assert reason(result) is FailureReason.TIMEOUT
    assert took < SOON


async def test_an_answer_is_taken_although_something_left_behind_holds_the_pipe(
    asking: Ask, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()

    tool = shell(tmp_path / "rlmutil", f"sleep 60 & echo $! > '{pid}'; cat '{GOOD}'")
    result = await ask(asking(tool))

    assert result.ok
    assert time.monotonic() - began < SOON
    await until_gone(number(pid))


async def test_a_flood_is_cut(asking: Ask, tmp_path: Path) -> None:
    result = await ask(asking(shell(tmp_path / "rlmutil", "exec cat /dev/zero")))
    assert reason(result) is FailureReason.GARBAGE
    assert "over 64 MiB" in detail(result)


async def test_a_flood_of_errors_stalls_nothing(asking: Ask, tmp_path: Path) -> None:
    tool = shell(tmp_path / "rlmutil", f"head -c 5000000 /dev/zero >&2; cat '{GOOD}'")
    assert (await ask(asking(tool))).ok


async def test_a_cancelled_probe_kills_and_reaps(asking: Ask, tmp_path: Path) -> None:
    before, pid = children(), tmp_path / "pid"
    tool = shell(tmp_path / "rlmutil", f"sleep 60 & echo $! > '{pid}'; wait")
    task = asyncio.create_task(ask(asking(tool)))
    grandchild = await until_written(pid)

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert task.cancelled()
    assert children() == before
    await until_gone(grandchild)


async def test_every_program_is_reaped(asking: Ask, tmp_path: Path) -> None:
    before = children()
    probe = asking(shell(tmp_path / "rlmutil", f"cat '{GOOD}'"))
    await asyncio.gather(*(ask(probe) for _ in range(10)))
    assert children() == before


async def test_no_file_descriptor_is_left_open(asking: Ask, tmp_path: Path) -> None:
    good = asking(shell(tmp_path / "good", f"cat '{GOOD}'"))
    hanging = asking(shell(tmp_path / "hanging", "exec sleep 60"))
    missing = asking(tmp_path / "missing")
    before = open_files()

    for _ in range(3):
        await ask(good)
        await ask(hanging, timedelta(seconds=0.05))
        await ask(missing)

    await until(lambda: open_files() == before)


async def test_a_long_answer_is_read_while_the_loop_goes_on(asking: Ask, tmp_path: Path) -> None:
    usage = "STARCCM v2023.1000: bob@ws2.example.com 1/0 at 03/08 10:47  (handle: 161)\n"
    long = tmp_path / "long.txt"
    long.write_text(GOOD.read_text() + "\t" + usage.join([""] * 100_000))
    probe = asking(shell(tmp_path / "rlmutil", f"cat '{long}'"))
    longest, last = 0.0, time.monotonic()

    asked = asyncio.create_task(ask(probe))
    while not asked.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()

    payload = (await asked).payload
    assert payload is not None
    assert len(payload.checkouts) > 90_000
    assert longest < asked.result().duration.total_seconds() / 2


async def test_without_rlmutil_it_says_what_to_do(asking: Ask) -> None:
    result = await ask(asking(None))
    assert reason(result) is FailureReason.TOOL_MISSING
    assert "--rlmutil" in detail(result)


async def test_a_named_rlmutil_that_is_not_there_is_named(asking: Ask, tmp_path: Path) -> None:
    result = await ask(asking(tmp_path / "gone" / "rlmutil"))
    assert reason(result) is FailureReason.TOOL_MISSING
    assert str(tmp_path / "gone" / "rlmutil") in detail(result)


async def test_a_missing_loader_is_told_apart_from_a_missing_file(asking: Ask, tmp_path: Path) -> None:
    tool = shell(tmp_path / "rlmutil", "true")
    tool.write_text("#!/lib64/ld-lsb-x86-64.so.99\n")
    result = await ask(asking(tool))
    assert reason(result) is FailureReason.TOOL_MISSING
    assert "loader or interpreter" in detail(result)


async def test_a_file_that_may_not_be_run_is_no_tool(asking: Ask, tmp_path: Path) -> None:
    tool = tmp_path / "rlmutil"
    tool.write_text("not a program")
    result = await ask(asking(tool))
    assert reason(result) is FailureReason.TOOL_MISSING


async def test_a_wrapper_that_cannot_run_the_real_one_is_no_evidence(asking: Ask, tmp_path: Path) -> None:
    result = await ask(asking(shell(tmp_path / "rlmutil", "exec /nowhere/rlmutil")))
    assert reason(result) is FailureReason.TOOL_MISSING
    assert "/nowhere/rlmutil" in detail(result)


async def test_a_program_that_ignores_signals_is_killed_too(asking: Ask, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    tool = shell(tmp_path / "rlmutil", f"trap '' TERM INT HUP; echo $$ > '{pid}'; exec sleep 60")
    result = await ask(asking(tool), timedelta(seconds=1))
    assert reason(result) is FailureReason.TIMEOUT
    assert not alive(number(pid))


def nowhere(name: str) -> str | None:
    return None


def test_the_flag_goes_before_the_variable_and_the_path(tmp_path: Path) -> None:
    environ = {"RLM_HA_RLMUTIL": str(tmp_path / "variable")}

    def which(name: str) -> str | None:
        return str(tmp_path / "found") if name == "rlmutil" else None

    assert find_rlmutil(tmp_path / "flag", environ, which) == tmp_path / "flag"
    assert find_rlmutil(None, environ, which) == tmp_path / "variable"
    assert find_rlmutil(None, {}, which) == tmp_path / "found"
    assert find_rlmutil(None, {}, nowhere) is None


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"/opt/rlm/bin/rlmutil", "/opt/rlm/rlmutil"}, "/opt/rlm/bin/rlmutil"),
        ({"/opt/rlm/rlmutil"}, "/opt/rlm/rlmutil"),
    ],
)
def test_the_usual_places_come_last(there: set[str], taken: str) -> None:
    found = find_rlmutil(None, {}, lambda name: name if name in there else None)
    assert found == Path(taken)
