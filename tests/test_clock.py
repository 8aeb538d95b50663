import asyncio
from datetime import UTC, timedelta

from rlm_exporter.probe.clock import SystemClock
from tests.clock import START, FakeClock


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = FakeClock(), list[tuple[str, float]]()
    began = clock.monotonic()

    async def sleep(name: str, *waits: float) -> None:
        for wait in waits:
            await clock.sleep(wait)
            woken.append((name, clock.monotonic() - began))

    tasks = [asyncio.create_task(sleep("late", 5)), asyncio.create_task(sleep("often", 2, 2, 2))]
    await clock.advance(5.5)
    assert woken == [("often", 2), ("often", 4), ("late", 5)]
    assert not tasks[1].done()

    await clock.advance(0.5)
    assert woken[-1] == ("often", 6.0)
    assert clock.now() == START + timedelta(seconds=6)


async def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    clock.jump(timedelta(hours=1))
    assert (clock.now(), clock.monotonic()) == (START + timedelta(hours=1), before)


async def test_the_systems_clock_is_aware_and_goes_on() -> None:
    clock = SystemClock()
    began = clock.monotonic()
    await clock.sleep(0.02)
    await clock.sleep(-1)
    assert clock.monotonic() - began >= 0.02
    assert clock.now().tzinfo is UTC
