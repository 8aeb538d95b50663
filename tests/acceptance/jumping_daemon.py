"""The daemon put together as the product does it, with a wall clock that a test sets.

Arguments: MANIFEST PORT STORE RLMUTIL SECONDS; SECONDS is a file with how far it is off.
"""

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

from rlm_exporter.bootstrap import Settings, run_daemon
from rlm_exporter.cli.logs import set_up_logging
from rlm_exporter.probe.clock import SystemClock


class SetClock(SystemClock):
    """Off by so many seconds; the monotonic one goes on as it does."""

    def __init__(self, seconds: Path) -> None:
        self._seconds = seconds

    def now(self) -> datetime:
        """What a clock says that somebody has set."""
        return super().now() + timedelta(seconds=float(self._seconds.read_text(encoding="utf-8")))


async def main() -> None:
    """Serve until killed."""
    manifest, port, store, rlmutil, seconds = sys.argv[1:]
    set_up_logging(level="info", form=None)
    settings = Settings(
        paths=(Path(manifest),),
        host="127.0.0.1",
        port=int(port),
        store=store,
        rlmutil=Path(rlmutil),
    )
    await run_daemon(settings, stop=asyncio.Event(), clock=SetClock(Path(seconds)))


if __name__ == "__main__":
    asyncio.run(main())
