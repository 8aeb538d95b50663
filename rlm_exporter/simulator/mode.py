"""The ways in which a simulated server can be ill, and the gate that makes its answers wait."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How a server behaves now."""

    OK = "ok"
    REFUSE = "refuse"
    """Listeners closed and connections cut, as if rlm had ended; the processes stay."""
    HANG = "hang"
    """Accepts, never answers, on every port."""
    ISV_DEAD = "isv-dead"
    """rlm answers; its ISV servers have ended and are not started again."""
    WEB_DEAD = "web-dead"
    """The web interface's port closed; all else as ever."""
    NO_POOLS = "no-pools"
    """ISV servers without pools, as a standby with a failover license; seats held until now are ended."""
    SLOW = "slow"
    """Every answer comes late by a given time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A mode, with the delay in seconds that `slow` needs."""

    mode: Mode = Mode.OK
    seconds: float = 0.0


class Gate:
    """What every answer has to pass."""

    def __init__(self) -> None:
        self._behaviour = Behaviour()
        self._changed = asyncio.Event()

    @property
    def mode(self) -> Mode:
        """The mode of now."""
        return self._behaviour.mode

    def set(self, behaviour: Behaviour) -> None:
        """Behave so from now on; answers that were held go out if the new mode lets them."""
        self._behaviour = behaviour
        self._changed.set()
        self._changed = asyncio.Event()

    async def passage(self) -> None:
        """Return when an answer may go out: late in mode `slow`, not before the mode ends in `hang`."""
        if self._behaviour.mode is Mode.SLOW:
            await asyncio.sleep(self._behaviour.seconds)
        while self._behaviour.mode is Mode.HANG:
            await self._changed.wait()
