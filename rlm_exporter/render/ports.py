"""What this room needs from outside, by shape."""

from datetime import datetime
from typing import Protocol

from rlm_exporter.failover.calls import Called, SettingsEvent
from rlm_exporter.manifest.model import Hook
from rlm_exporter.store.records import ClientConfig


class Clock(Protocol):
    """The wall clock."""

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...


class ConfigStore(Protocol):
    """The journal's part for client settings; every method raises JournalError."""

    async def client_config(self, cluster: str) -> ClientConfig:
        """What an operator has set."""
        ...

    async def set_client_config(
        self, cluster: str, config: ClientConfig, *, told: str, now: datetime
    ) -> ClientConfig:
        """Replace it; `told` stands in the history."""
        ...


class SettingsHooks(Protocol):
    """Calls a program or a URL."""

    async def run(self, hook: Hook, event: SettingsEvent) -> Called:
        """What came of it; that it failed is a result."""
        ...
