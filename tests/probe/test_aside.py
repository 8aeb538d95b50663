"""Work that hangs holds up nobody, is begun once, and what it brings in the end is not lost."""

import asyncio
import logging
import threading
from datetime import timedelta

import pytest

from rlm_exporter.probe.aside import Aside

SOON, LIMIT = timedelta(milliseconds=50), timedelta(seconds=10)


async def test_what_was_given_up_is_not_begun_again_and_its_result_comes_to_the_next() -> None:
    release = threading.Event()
    begun: list[int] = []

    def hang() -> int:
        begun.append(len(begun))
        release.wait(60)
        return 7

    aside = Aside[int]("test")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await aside.run(hang, limit=SOON)
    release.set()

    assert await aside.run(lambda: 8, limit=LIMIT) == 7
    assert await aside.run(lambda: 8, limit=LIMIT) == 8
    assert begun == [0]


async def test_what_the_work_raises_is_raised_to_its_caller_and_forgotten() -> None:
    def divide() -> float:
        return 1 / 0

    aside = Aside[float]("test")
    with pytest.raises(ZeroDivisionError):
        await aside.run(divide, limit=LIMIT)
    assert await aside.run(lambda: 1.0, limit=LIMIT) == 1.0


async def test_a_caller_that_is_cancelled_ends_at_once_and_loses_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    release = threading.Event()

    def fail() -> int:
        release.wait(60)
        raise OSError("gone")

    aside = Aside[int]("test")
    caller = asyncio.create_task(aside.run(fail, limit=LIMIT))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    release.set()

    with pytest.raises(OSError, match="gone"):
        await aside.run(lambda: 8, limit=LIMIT)
    assert "never retrieved" not in caplog.text


async def test_what_was_given_up_can_be_waited_for_and_what_it_brings_forgotten() -> None:
    release = threading.Event()
    aside = Aside[int]("test")
    assert await aside.outlast(limit=LIMIT), "nothing is under way"
    with pytest.raises(TimeoutError):
        await aside.run(lambda: 7 if release.wait(60) else 0, limit=SOON)

    assert not await aside.outlast(limit=SOON)
    release.set()
    assert await aside.outlast(limit=LIMIT)
    assert await aside.run(lambda: 8, limit=LIMIT) == 8


async def test_where_no_thread_can_be_started_the_next_call_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aside = Aside[int]("a test")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await aside.run(lambda: 1, limit=LIMIT)

    assert aside.is_idle
    assert await aside.run(lambda: 2, limit=LIMIT) == 2


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
