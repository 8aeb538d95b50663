"""Times readers of text by the processor, whatever else the machine and this process do."""

import gc
import time
from collections.abc import Callable

TIMES = 3


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of the best of three runs.

    Without the collector: it looks through all that the process holds, which is not the reader's doing.
    """
    best = float("inf")
    gc.collect()
    gc.disable()
    try:
        for _ in range(TIMES):
            began = time.process_time()
            work()
            best = min(best, time.process_time() - began)
    finally:
        gc.enable()
    return best
