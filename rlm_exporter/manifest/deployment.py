"""Manifests given to a running daemon: to whom each belongs, and what came of a wish (values only)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rlm_exporter.errors import RlmExporterError
from rlm_exporter.manifest.document import Value


class Owner(StrEnum):
    """Where a cluster's manifest is kept, and may be changed."""

    FILE = "file"
    """In a file that the daemon was started with: that file is edited."""
    STORE = "store"
    """In the daemon's store, where it was deployed."""


class Change(StrEnum):
    """What a deployment does to one cluster, or would do."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One cluster's manifest, as the daemon has it."""

    cluster: str
    owner: Owner
    source: str
    """The file, or a name for what the store has."""
    document: Value
    attached: Value = None
    """Its load balancer, where that stands in the daemon's settings."""
    revision: int | None = None
    """In the store; None for a file's."""
    deployed_at: datetime | None = None
    deployed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What became of one cluster, or would become of it."""

    cluster: str
    change: Change
    differences: tuple[str, ...]
    """A line each."""
    notes: tuple[str, ...]
    """What the new manifest leaves open."""
    revision: int | None
    """That it has now; before the change where nothing was written. None where the store has none."""


class RefusalKind(StrEnum):
    """Why a manifest is not taken, although nothing is wrong in it."""

    OWNED_BY_FILE = "owned_by_file"
    WOULD_MOVE = "would_move"
    """Clients would be moved by it, or what the journal says would make no sense any more."""
    CHANGED_MEANWHILE = "changed_meanwhile"
    UNKNOWN_CLUSTER = "unknown_cluster"


class NotDeployedError(RlmExporterError):
    """A manifest is not taken; nothing was changed."""

    def __init__(self, kind: RefusalKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
