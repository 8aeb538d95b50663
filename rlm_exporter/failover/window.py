"""Whether a moment is inside a window by the clock of a place. Pure; right across a change of that clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

from rlm_exporter.manifest.model import FailbackWindow


def is_open(window: FailbackWindow | None, now: datetime) -> bool:
    """Whether the window is open; without one it always is.

    The wall clock of the place decides: an hour that it has twice is inside twice, one that it skips never.
    """
    if window is None:
        return True
    local = now.astimezone(ZoneInfo(window.timezone)).time()
    if window.start < window.end:
        return window.start <= local < window.end
    return local >= window.start or local < window.end
