"""Keeps the interpreter's own pauses short: a full garbage collection holds the event loop.

It looks at every container there is, and most of ours live on: modules, and the newest picture of all servers
(215,000 with 100,000 series, which takes 150 ms). So what has lived for a minute is put aside, where no
collection looks at it; counted references free it there as ever. Only what refers to itself would stay, so
once in an hour everything is looked at.
"""

import gc
from datetime import timedelta

from rlm_exporter.probe.ports import Clock

ASIDE_EVERY = timedelta(minutes=1)
WHOLE_EVERY = timedelta(hours=1)


async def keep_pauses_short(clock: Clock) -> None:
    """Until cancelled; then collections are as they were."""
    try:
        while True:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            for _ in range(WHOLE_EVERY // ASIDE_EVERY):
                await clock.sleep(ASIDE_EVERY.total_seconds())
                gc.freeze()
    finally:
        gc.unfreeze()
