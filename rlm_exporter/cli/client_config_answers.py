"""What the daemon answers about the settings that clients get."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsView:
    """What a job's environment gets."""

    servers: tuple[str, ...]
    """`port@host`, in the order in which clients ask."""
    isvs: tuple[str, ...]
    connect_timeout_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFileView:
    """One file that the daemon writes."""

    path: str
    format: str
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigAnswer:
    """What is set, and what clients get by it."""

    cluster: str
    active: str | None
    license_servers: tuple[str, ...]
    """Empty = as the manifest has it."""
    license_failover_enabled: bool
    license_redundancy_mode: str
    set_by: str | None
    set_at: datetime | None
    jobs: JobsView | None
    """None where nobody knows who is active."""
    files: tuple[SettingsFileView, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One thing that becomes another."""

    name: str
    before: str = field(metadata={"key": "from"})
    after: str = field(metadata={"key": "to"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigUpdate:
    """What came of a wish."""

    result: str
    """`changed`, `unchanged` or `plan`."""
    changes: tuple[ChangeView, ...]
    config: ClientConfigAnswer
