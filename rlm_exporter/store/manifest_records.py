"""Manifests that were deployed into the store (values only)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedManifest:
    """What the store has of one cluster's manifest."""

    cluster: str
    document: str
    """As YAML text."""
    revision: int
    """Grows with each change, from 1 on."""
    deployed_at: datetime
    deployed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A manifest to be written."""

    cluster: str
    document: str
    after: int | None
    """The revision that it replaces; None = there must be none."""
    servers: frozenset[str]
    """Their names: clients must not have been moved to another one meanwhile."""
