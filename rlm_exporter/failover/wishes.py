"""Operators' wishes on their way to the one writer, and the answers on their way back."""

import asyncio

from rlm_exporter.failover.by_hand import Answer
from rlm_exporter.failover.trigger import (
    FailoverRequest,
    MaintenanceRequest,
    Refusal,
    RefusalKind,
    Request,
)
from rlm_exporter.store.records import Operation

LARGEST = 32
"""Wishes that may wait; each is answered or refused within one look, so more are a defect somewhere."""


def answer_while_open(request: Request, operation: Operation) -> Answer:
    """What a wish for a move gets while an operation is open: that one, if it began with the same key."""
    key = request.idempotency_key if isinstance(request, FailoverRequest) else None
    if key is not None and key == operation.idempotency_key:
        return operation
    return Refusal(kind=RefusalKind.OPERATION_OPEN, detail=f"operation {operation.id} is open")


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

    def refuse_moves(self, open_operation: Operation) -> None:
        """Answer everybody who waits for a move: one runs. Other wishes go on waiting for their turn.

        Who asked for that very operation gets it.
        """
        waiting = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        for wish in waiting:
            if isinstance(wish.request, FailoverRequest | MaintenanceRequest):
                wish.answer(answer_while_open(wish.request, open_operation))
            else:
                self._waiting.put_nowait(wish)

    def refuse_all(self, refusal: Refusal) -> None:
        """Answer everybody who waits with the same."""
        while (wish := self.take()) is not None:
            wish.answer(refusal)
