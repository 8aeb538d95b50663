"""The host ids of a server's machine, as a program prints them."""

import re

from rlm_exporter.errors import SyncError
from rlm_exporter.manifest.model import Cluster, LicenseSync, Server, Takeover
from rlm_exporter.sync.calls import call

_HOSTID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8,}(?![0-9A-Za-z])")


async def read_hostids(cluster: Cluster, server: Server, sync: LicenseSync) -> str | None:
    """What rlmhostid printed; None where nobody asks. Raises SyncError, also where that is no host id."""
    if not sync.rlmhostid or not has_own_host_line(cluster, server):
        return None
    try:
        printed = (await call(sync.rlmhostid, timeout=sync.timeout)).decode("utf-8", "replace")
    except SyncError as error:
        raise SyncError(f"rlmhostid: {error}") from error
    if not _HOSTID.search(printed):
        said = next((line.strip() for line in printed.splitlines() if line.strip()), "nothing")
        raise SyncError(f"rlmhostid: {sync.rlmhostid[0]} printed no host id, but {said[:200]!r}")
    return printed


def has_own_host_line(cluster: Cluster, server: Server) -> bool:
    """Whether its files name its own machine: a standby of RLM's own failover has the primary's line."""
    return cluster.takeover is not Takeover.NATIVE or server == cluster.servers[0]
