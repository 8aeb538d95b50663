"""Manifests of clusters that no file of the daemon holds. Everything here runs in a transaction."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from rlm_exporter.store import clusters, history
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.manifest_records import DeployedManifest, Deployment
from rlm_exporter.store.tables import manifest

DEPLOYED, REMOVED = "deployed", "removed"
"""The words for it in the journal."""
TRIGGER = "operator"


def read_manifests(connection: Connection) -> tuple[DeployedManifest, ...]:
    """All of them, by cluster."""
    rows = connection.execute(select(manifest).order_by(manifest.c.cluster)).mappings()
    return tuple(DeployedManifest(**row) for row in rows)


def deploy(connection: Connection, deployments: Iterable[Deployment], *, by: str, now: datetime) -> None:
    """Write manifests, and that it was done; raises `ConflictError` where one was written meanwhile, or while
    an operation is open for its cluster."""
    for each in deployments:
        _expect(connection, each.cluster, each.after)
        record = clusters.read_cluster(connection, each.cluster)
        if record is not None and record.active not in each.servers:
            raise ConflictError(
                f"cluster {each.cluster}: clients were moved to {record.active}, which is not in the manifest"
            )
        values = {"document": each.document, "deployed_at": now, "deployed_by": by}
        if each.after is None:
            row = {"cluster": each.cluster, "revision": 1, **values}
            connection.execute(insert(manifest).values(row))
        else:
            where = manifest.c.cluster == each.cluster
            connection.execute(update(manifest).where(where).values(revision=each.after + 1, **values))
        detail = f"{by}: the manifest, revision {(each.after or 0) + 1}"
        history.insert_held(
            connection, cluster=each.cluster, rule=DEPLOYED, trigger=TRIGGER, detail=detail, now=now
        )


def remove(connection: Connection, cluster: str, *, after: int, by: str, now: datetime) -> None:
    """Take a manifest away; what was decided and used stays. Raises `ConflictError` as `deploy` does."""
    _expect(connection, cluster, after)
    connection.execute(delete(manifest).where(manifest.c.cluster == cluster))
    detail = f"{by}: the manifest, revision {after}"
    history.insert_held(connection, cluster=cluster, rule=REMOVED, trigger=TRIGGER, detail=detail, now=now)


def _expect(connection: Connection, cluster: str, revision: int | None) -> None:
    stands = connection.execute(
        select(manifest.c.revision).where(manifest.c.cluster == cluster)
    ).scalar_one_or_none()
    if stands != revision:
        raise ConflictError(
            f"cluster {cluster}: its manifest has {_told(stands)}, not {_told(revision)}: "
            "somebody was quicker; look at it again"
        )
    operation = history.read_open_operation(connection, cluster)
    if operation is not None:
        raise ConflictError(
            f"cluster {cluster}: operation {operation.id} is under way; wait for its end",
            operation_id=operation.id,
        )


def _told(revision: int | None) -> str:
    return "no revision" if revision is None else f"revision {revision}"
