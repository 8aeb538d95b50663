"""The machine's clock, behind the `Clock` that this package's loops ask for."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time for what is shown and stored, monotonic time for what is measured and waited for."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may jump."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never jumps."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long; 0 or less only yields."""
        await asyncio.sleep(max(0.0, seconds))
