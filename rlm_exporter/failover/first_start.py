"""Who is taken for active when the store knows nothing: whoever serves already. Pure."""

from rlm_exporter.haproxy.view import BalancerView
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.snapshot import ClusterSnapshot


def find_active(
    *, cluster: Cluster, snapshot: ClusterSnapshot, views: tuple[BalancerView, ...]
) -> tuple[str, str] | None:
    """(server, why), or None while nothing speaks for anybody.

    The stick table's server; else the healthy one that carries most sessions; else the first healthy one.
    Clients are never moved because the controller has just arrived.
    """
    known = {server.name for server in cluster.servers}
    for view in views:
        if view.active in known:
            return view.active, f"{view.balancer} sends clients to {view.active}"
    healthy = [server.name for server in cluster.servers if snapshot.server(server.name).health.is_up]
    busiest = max(healthy, key=lambda name: _sessions(views, name), default=None)
    if busiest is not None and _sessions(views, busiest) > 0:
        return busiest, f"{busiest} carries {_sessions(views, busiest)} sessions"
    if healthy and all(part.health.known for part in snapshot.servers):
        return healthy[0], f"{healthy[0]} is the first healthy one in the manifest's order"
    return None


def first_epoch(views: tuple[BalancerView, ...]) -> int:
    """One more than any balancer has seen."""
    return max((view.epoch or 0 for view in views), default=0) + 1


def _sessions(views: tuple[BalancerView, ...], server: str) -> int:
    return sum(line.sessions for view in views for line in view.of(server))
