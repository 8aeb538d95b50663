"""What the daemon answers about manifests, as frozen values."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedView:
    """What became of one cluster, or would become of it."""

    cluster: str
    change: str
    """`created`, `changed`, `unchanged` or `removed`."""
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    revision: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployAnswer:
    """Of all clusters of a manifest."""

    dry_run: bool
    clusters: tuple[DeployedView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredAnswer:
    """Settings of one cluster were changed, or would be."""

    dry_run: bool
    clusters: tuple[DeployedView, ...]
    said: tuple[str, ...]
    """What follows from each setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestAnswer:
    """One cluster's manifest."""

    cluster: str
    owner: str
    """`file` or `store`."""
    source: str
    revision: int | None
    deployed_at: datetime | None
    deployed_by: str | None
    manifest: str
    """YAML."""
    attached: str | None
    """YAML of a load balancer that stands in the daemon's settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """Each setting by its word."""

    load_balancing: str
    session_affinity: str
    health_check_interval: str
    failover_detection: str
    strategy: str
    prefer_local_server: str
    connection_pooling: str
    max_connections_per_server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsAnswer:
    """What can be set of one cluster, and is."""

    cluster: str
    settings: SettingsView
