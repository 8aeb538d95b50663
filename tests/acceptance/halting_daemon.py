"""The daemon put together as the product does it, with a seam that waits once at one point to be let go on.

Arguments: MANIFEST PORT STORE RLMUTIL MOMENT STEP GATE. The file GATE says that the point is reached, and
its removal that the daemon may go on.
"""

import asyncio
import sys
import time
from pathlib import Path

from tests.acceptance.dying_daemon import run_with

PAUSE = 0.01


def halt(gate: Path) -> None:
    """Return when somebody has opened the gate."""
    gate.touch()
    while gate.exists():
        time.sleep(PAUSE)


async def main() -> None:
    """Halt at the point that the arguments name."""
    *ours, halting_moment, halting_step, gate = sys.argv[1:]
    left = [(halting_moment, halting_step)]

    async def seam(moment: str, step: str) -> None:
        if (moment, step) in left:
            left.clear()
            await asyncio.to_thread(halt, Path(gate))

    await run_with(seam, *ours)


if __name__ == "__main__":
    asyncio.run(main())
