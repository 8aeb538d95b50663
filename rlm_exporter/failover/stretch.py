"""Work that ends where it stands when the lease under which it was begun does."""

import asyncio
from collections.abc import Coroutine

from rlm_exporter.failover.ports import Leadership


async def unless_lost(leadership: Leadership, work: Coroutine[object, object, None]) -> None:
    """Do the work, or cancel it as soon as it may not be gone on with; raises what it raises.

    Returns only when the work has ended: nothing of it goes on behind the next stretch's back.
    """
    doing = asyncio.create_task(work)
    lost = asyncio.create_task(leadership.lost())
    try:
        await asyncio.wait({doing, lost}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost.cancel()
        doing.cancel()
        await asyncio.wait({doing, lost})
    if not doing.cancelled():
        doing.result()
