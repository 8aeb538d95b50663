"""The simulated server's clock: local time, which may be set to begin at another moment."""

from datetime import datetime, timedelta


class LocalClock:
    """The server's local time, in which RLM prints everything; `ahead` moves it away from the real one."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self._ahead = ahead

    @classmethod
    def starting_at(cls, moment: datetime | None) -> "LocalClock":
        """A clock that shows `moment` (naive: local) now and goes on from there."""
        if moment is None:
            return cls()
        return cls(moment.astimezone() - datetime.now().astimezone())

    def now(self) -> datetime:
        """Now, aware."""
        return (datetime.now().astimezone() + self._ahead).astimezone()

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of the real one."""
        return self._ahead

    def until_midnight(self) -> float:
        """Seconds to the next day."""
        now = self.now()
        next_day = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return max((next_day - now).total_seconds(), 0.0)
