"""The daemon put together as the product does it, which reads license files every second.

Arguments: MANIFEST PORT STORE RLMUTIL.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from rlm_exporter.bootstrap import Settings, run_daemon
from rlm_exporter.cli.logs import set_up_logging


async def main() -> None:
    manifest, port, store, rlmutil = sys.argv[1:]
    set_up_logging(level="info", form=None)
    settings = Settings(
        paths=(Path(manifest),),
        host="127.0.0.1",
        port=int(port),
        store=store,
        rlmutil=Path(rlmutil),
        license_files_every=timedelta(seconds=1),
    )
    await run_daemon(settings, stop=asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main())
