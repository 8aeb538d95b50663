"""Collections look at what is young; of the old nothing that refers to itself stays for good."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from rlm_exporter.server.pauses import keep_pauses_short
from tests.clock import FakeClock


class Ring:
    """Refers to itself, so that no counting frees it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    assert gc.get_freeze_count() == 0, "what was put aside is still there"


async def test_what_lives_is_put_aside_and_comes_back_at_the_end() -> None:
    clock = FakeClock()
    task = asyncio.create_task(keep_pauses_short(clock))
    await clock.settle()
    assert gc.get_freeze_count() > 10_000

    later = [[number] for number in range(1000)]
    await clock.advance(61)
    assert not {id(each) for each in later} & {id(each) for each in gc.get_objects()}

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_rings_that_were_put_aside_are_gone_within_an_hour() -> None:
    clock = FakeClock()
    task = asyncio.create_task(keep_pauses_short(clock))
    await clock.settle()
    ring = Ring()
    seen = weakref.ref(ring)
    await clock.advance(61)
    del ring
    gc.collect()
    assert seen() is not None, "it was not put aside, and this test would show nothing"

    await clock.advance(3600)
    assert seen() is None
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
