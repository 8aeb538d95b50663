"""Which failover of RLM's own the license files of a cluster grant. Pure."""

from datetime import date, datetime
from typing import Any

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.license_reading import LAST_TIMEZONE
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.rlm.license_failover import LIMITS, FailoverGrant

NONE = "no license file of the cluster grants a failover of RLM's own"


def failover_license(cluster: Cluster, snapshot: ClusterSnapshot, *, now: datetime) -> dict[str, Any] | None:
    """The first grant in the order of servers, and in words what it does not cover.

    None while it is not known, because not every server's files are named and could be read.
    """
    readings = [(server.name, snapshot.server(server.name).license_files) for server in cluster.servers]
    for name, reading in readings:
        grants = [grant for grant in reading.grants if _lasts(grant, now)] if reading is not None else []
        if grants:
            return _granted(cluster, name, grants)
    if all(reading is not None and reading.ok for _, reading in readings):
        return {"kind": None, "server": None, "isvs": [], "primary": None, "does_not_cover": NONE}
    return None


def _granted(cluster: Cluster, server: str, grants: list[FailoverGrant]) -> dict[str, Any]:
    first = grants[0]
    alike = [grant for grant in grants if (grant.kind, grant.primary) == (first.kind, first.primary)]
    return {
        "kind": first.kind.value,
        "server": server,
        "isvs": sorted({cluster.isv_name(grant.isv) for grant in alike}),
        "primary": first.primary,
        "does_not_cover": LIMITS[first.kind],
    }


def _lasts(grant: FailoverGrant, now: datetime) -> bool:
    """RLM drops an expired one; it lasts to the end of its day where the server stands."""
    return not (isinstance(grant.expires, date) and grant.expires < (now - LAST_TIMEZONE).date())
