"""Operators' wishes on their way to the one writer, and the answers on their way back."""

import asyncio

from rlm_exporter.failover.by_hand import Answer
from rlm_exporter.failover.trigger import Refusal, RefusalKind, Request

LARGEST = 32
"""Wishes that may wait; each is answered or refused within one look, so more are a defect somewhere."""


class Wish:
    """One wish; whoever made it may have gone away before it is answered."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def answer(self, answer: Answer) -> None:
        """Answer it, once."""
        if not self._answer.done():
            self._answer.set_result(answer)

    async def answered(self) -> Answer:
        """Wait for the answer."""
        return await self._answer


class Wishes:
    """First come, first served."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Wish] = asyncio.Queue(LARGEST)

    def add(self, request: Request) -> Wish:
        """One more; refused at once when too many wait."""
        wish = Wish(request)
        try:
            self._waiting.put_nowait(wish)
        except asyncio.QueueFull:
            wish.answer(Refusal(kind=RefusalKind.OPERATION_OPEN, detail="too many requests wait already"))
        return wish

    def take(self) -> Wish | None:
        """The next one; None when nobody waits."""
        return None if self._waiting.empty() else self._waiting.get_nowait()

    def refuse_all(self, refusal: Refusal) -> None:
        """Answer everybody who waits with the same."""
        while (wish := self.take()) is not None:
            wish.answer(refusal)
