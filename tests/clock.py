"""A clock that moves when told."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TURNS = 50
"""How often the loop turns for tasks to come to rest; more than any chain of them in the tests needs."""


class FakeClock:
    """Fits every `Clock`. Sleepers wake in the order of their times, and run before time goes on."""

    def __init__(self, start: datetime = START) -> None:
        self._wall = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        entry = (self._monotonic + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(entry)
        try:
            await entry[1]
        finally:
            self._sleepers.remove(entry)

    async def advance(self, seconds: float) -> None:
        """Let that much time pass. Tasks that wait for the real world do not come to rest by this."""
        target = self._monotonic + seconds
        await self.settle()
        while (due := self._next(target)) is not None:
            self._move(due)
            for time, future in self._sleepers:
                if time <= due and not future.done():
                    future.set_result(None)
            await self.settle()
        self._move(target)

    @property
    def sleepers(self) -> int:
        """How many wait for time to pass."""
        return len(self._sleepers)

    def jump(self, by: timedelta) -> None:
        """Set the wall clock; nobody wakes of it."""
        self._wall += by

    async def settle(self) -> None:
        """Let every task run until it waits for something."""
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def _next(self, target: float) -> float | None:
        times = [time for time, future in self._sleepers if time <= target and not future.done()]
        return min(times, default=None)

    def _move(self, monotonic: float) -> None:
        self._wall += timedelta(seconds=monotonic - self._monotonic)
        self._monotonic = monotonic
