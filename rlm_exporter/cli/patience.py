"""How long the command line goes on asking about a move; time can be put in other hands."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Patience:
    """Ends `limit` seconds after the last news."""

    limit: float = 120.0
    pause: float = 0.25
    """Seconds between two questions, at most."""
    first: float = 0.05
    """Seconds before the first one after news; each pause is twice as long as the one before."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _last_news: float = field(init=False)
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """There was news, so more may come soon."""
        self._last_news = self.monotonic()
        self._next = min(self.first, self.pause)

    def wait(self) -> bool:
        """Wait for the next question; False, at once, when there was no news for too long."""
        if self.monotonic() - self._last_news >= self.limit:
            return False
        self.sleep(self._next)
        self._next = min(2 * self._next, self.pause)
        return True
