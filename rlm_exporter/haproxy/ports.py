"""What the HAProxy room needs from outside."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from rlm_exporter.haproxy.stats_page import Action
from rlm_exporter.haproxy.view import BalancerView


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class StatsPage(Protocol):
    """One HAProxy's stats page: one reading, one fenced command."""

    @property
    def name(self) -> str:
        """The balancer's name in the manifest."""

    async def observe(self) -> BalancerView:
        """One reading; raises LoadBalancerError."""

    async def command(self, action: Action, servers: tuple[str, ...], *, epoch: int) -> None:
        """One command to the license backend; raises LoadBalancerError, StaleEpochError."""


class Reach(Protocol):
    """A bare connect that sends nothing and stays while its block runs."""

    def __call__(self, host: str, port: int) -> AbstractAsyncContextManager[str | None]:
        """None when the connection was accepted, else why not, in words."""


class DirectProbe(Protocol):
    """A fresh look at one server past every balancer: license port and ISV ports."""

    async def __call__(self, server: str) -> str | None:
        """None when every port was accepted, else why not, in words."""


class SteeringObserver(Protocol):
    """Who wants to know what was done at a balancer."""

    def steered(self, balancer: str, repair: str) -> None:
        """A balancer was steered, for this reason."""
