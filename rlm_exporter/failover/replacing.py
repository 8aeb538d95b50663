"""Whether a running cluster's manifest may be replaced by another (pure).

Nobody is to be moved by a file: what would make the daemon move clients by itself is refused, and what the
journal has written down must still make sense.
"""

from collections.abc import Iterator

from rlm_exporter.manifest.model import Cluster, Failback, Server
from rlm_exporter.rlm.address import Endpoint, format_host_port
from rlm_exporter.store.records import ClusterRecord, Operation, PinKind


def refusals(
    *, old: Cluster | None, new: Cluster, record: ClusterRecord | None, operation: Operation | None
) -> tuple[str, ...]:
    """Why not, in whole sentences; empty = it may. `old` is None where nothing of it runs yet."""
    return (
        *lost(new, record, operation),
        *(() if old is None or record is None else _other_machine(old, new, record)),
        *(() if record is None else _moving_back(old, new, record)),
    )


def lost(new: Cluster, record: ClusterRecord | None, operation: Operation | None) -> Iterator[str]:
    """Why the journal makes no sense with this manifest."""
    needed = {record.active} if record is not None else set()
    if operation is not None:
        needed |= {name for name in (operation.source, operation.target) if name is not None}
    gone = ", ".join(sorted(needed - {server.name for server in new.servers}))
    if gone:
        yield (
            f"cluster {new.name} has no server {gone}, but the journal says that clients are sent there or "
            "that an operation is about it; move to another server first"
        )


def _other_machine(old: Cluster, new: Cluster, record: ClusterRecord) -> Iterator[str]:
    name = record.active
    if name not in {server.name for server in old.servers} & {server.name for server in new.servers}:
        return
    before, after = _address(old.server(name)), _address(new.server(name))
    if before != after:
        yield (
            f"{name} is active at {before}, and would be {after}: clients would be sent to another machine "
            "without a failover; move to another server first, or give the new one a name of its own"
        )


def _moving_back(old: Cluster | None, new: Cluster, record: ClusterRecord) -> Iterator[str]:
    """With automatic failback a change of the order is a move that waits for its time."""
    if new.failback is not Failback.AUTOMATIC:
        return
    leads = _preferred(new, record)
    moves_already = (
        old is not None and old.failback is Failback.AUTOMATIC and _preferred(old, record) == leads
    )
    if leads != record.active and not moves_already:
        yield (
            f"with failback: automatic, this alone would move clients from {record.active} to {leads}; move "
            f"them yourself first (licenses switchover {new.name} --to {leads}), or write failback: manual"
        )


def _preferred(cluster: Cluster, record: ClusterRecord) -> str:
    out = {pin.server for pin in record.pins if pin.kind is PinKind.MAINTENANCE}
    names = [server.name for server in cluster.servers]
    return next((name for name in names if name not in out), names[0])


def _address(server: Server) -> str:
    return format_host_port(Endpoint(port=server.port, host=server.host))
