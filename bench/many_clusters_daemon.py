"""The daemon as `rlm-ha serve` puts it together, which writes down how late it woke.

Arguments: MANIFEST PORT STORE RLMUTIL FILE. At SIGTERM it ends and writes FILE: a line for each wait, with
the monotonic time at which it was over and by how many seconds that was too late.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path

from rlm_exporter.bootstrap import Settings, run_daemon
from rlm_exporter.cli.logs import set_up_logging
from rlm_exporter.probe.clock import SystemClock


class LateClock(SystemClock):
    """Every wait of checks, controllers and balancers goes through here."""

    def __init__(self) -> None:
        self.late: list[tuple[float, float]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait, and note how much longer it became."""
        due = time.monotonic() + max(0.0, seconds)
        await super().sleep(seconds)
        woke = time.monotonic()
        if seconds > 0:
            self.late.append((woke, woke - due))


async def main() -> None:
    """Serve until SIGTERM."""
    manifest, port, store, rlmutil, file = sys.argv[1:]
    set_up_logging(level="warning", form=None)
    stop, clock = asyncio.Event(), LateClock()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings(
        paths=(Path(manifest),),
        host="127.0.0.1",
        port=int(port),
        store=store,
        rlmutil=Path(rlmutil),
    )
    await run_daemon(settings, stop=stop, clock=clock)
    lines = (f"{woke:.6f} {late:.6f}\n" for woke, late in clock.late)
    Path(file).write_text("".join(lines), encoding="ascii")  # noqa: ASYNC240 - nothing else runs any more


if __name__ == "__main__":
    asyncio.run(main())
