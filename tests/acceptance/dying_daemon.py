"""The daemon put together as the product does it, with a seam that kills the process at one point.

Arguments: MANIFEST PORT STORE RLMUTIL MOMENT STEP.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from rlm_exporter.bootstrap import Settings, run_daemon
from rlm_exporter.cli.logs import set_up_logging
from rlm_exporter.failover.ports import Seam
from rlm_exporter.store.database import is_shared


async def run_with(seam: Seam, manifest: str, port: str, store: str, rlmutil: str) -> None:
    """Serve until killed, with somebody at every point of every step."""
    set_up_logging(level="info", form=None)
    state = None
    if is_shared(store):
        state = Path(rlmutil).with_name(f"state-{port}")
        state.mkdir(exist_ok=True)
    settings = Settings(
        paths=(Path(manifest),),
        host="127.0.0.1",
        port=int(port),
        store=store,
        rlmutil=Path(rlmutil),
        state=state,
    )
    await run_daemon(settings, stop=asyncio.Event(), seam=seam)


async def main() -> None:
    """Die at the point that the arguments name."""
    *ours, deadly_moment, deadly_step = sys.argv[1:]

    async def seam(moment: str, step: str) -> None:
        if (moment, step) == (deadly_moment, deadly_step):
            os.kill(os.getpid(), signal.SIGKILL)

    await run_with(seam, *ours)


if __name__ == "__main__":
    asyncio.run(main())
