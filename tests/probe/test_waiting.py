import asyncio

import pytest

from rlm_exporter.probe.waiting import Bell, first_of


async def for_ever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("cancelled")


async def test_the_first_to_end_ends_the_others() -> None:
    ended: list[str] = []
    await first_of(asyncio.sleep(0), for_ever(ended))
    assert ended == ["cancelled"]


async def test_what_the_first_raises_is_raised() -> None:
    async def fail() -> None:
        raise LookupError("why")

    ended: list[str] = []
    with pytest.raises(LookupError, match="why"):
        await first_of(fail(), for_ever(ended))
    assert ended == ["cancelled"]


async def test_cancelled_it_ends_them_all_and_passes_it_on() -> None:
    ended: list[str] = []
    waiting = asyncio.create_task(first_of(for_ever(ended), for_ever(ended)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["cancelled", "cancelled"]


async def test_a_bell_wakes_all_who_wait_and_none_who_come_later() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(bell.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    await asyncio.gather(*waiting)

    late = asyncio.create_task(bell.wait())
    await asyncio.sleep(0)
    assert not late.done()
    bell.ring()
    await late
