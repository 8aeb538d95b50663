"""The daemon as `rlm-ha serve` puts it together, killed at one point of an operation.

Arguments: MANIFEST PORT STORE RLMUTIL MOMENT STEP.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from rlm_exporter.bootstrap import Settings, run_daemon
from rlm_exporter.cli.logs import set_up_logging


async def main() -> None:
    """Serve until the operation comes to that point."""
    manifest, port, store, rlmutil, deadly_moment, deadly_step = sys.argv[1:]

    async def seam(moment: str, step: str) -> None:
        if (moment, step) == (deadly_moment, deadly_step):
            os.kill(os.getpid(), signal.SIGKILL)

    set_up_logging(level="info", form=None)
    settings = Settings(
        paths=(Path(manifest),),
        host="127.0.0.1",
        port=int(port),
        store=store,
        rlmutil=Path(rlmutil),
    )
    await run_daemon(settings, stop=asyncio.Event(), seam=seam)


if __name__ == "__main__":
    asyncio.run(main())
