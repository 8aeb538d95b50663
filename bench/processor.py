"""Processor time of other processes: what something costs, whatever else the machine does meanwhile."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(processes: Iterable[int]) -> float:
    """What they have used, together with the children of theirs that have ended."""
    ticks = 0
    for process in processes:
        try:
            status = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            continue  # it has ended, and now counts as its parent's
        # The name, in brackets, may have anything in it.
        fields = status.rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICK
