"""The daemon put together as the product does it, with some seconds for what it leaves alone a minute.

Arguments: MANIFEST PORT STORE RLMUTIL SECONDS.
"""

import asyncio
import sys
from datetime import timedelta

from rlm_exporter.bootstrap import nothing
from rlm_exporter.failover import rules_of_following
from rlm_exporter.haproxy import plan
from tests.acceptance.dying_daemon import run_with


async def main() -> None:
    """Serve until killed."""
    *ours, seconds = sys.argv[1:]
    minute = timedelta(seconds=float(seconds))
    # For how long somebody else's doing at HAProxy is left alone, and when it is followed.
    for module, name in ((plan, "FOREIGN_HAND"), (rules_of_following, "LASTING")):
        if getattr(module, name) != timedelta(seconds=60):
            raise SystemExit(f"{module.__name__}.{name} is not the minute that is meant here")
        setattr(module, name, minute)
    await run_with(nothing, *ours)


if __name__ == "__main__":
    asyncio.run(main())
