"""What a valid manifest leaves open, said before somebody learns it at night (pure)."""

from collections.abc import Iterator

from rlm_exporter.manifest.model import ClientServers, Cluster, RlmdownCall, Takeover


def notes(cluster: Cluster) -> Iterator[str]:
    """Sentences about a cluster in which nothing is wrong."""
    if len(cluster.servers) == 1:
        yield "there is one server, so nothing can be moved anywhere"
    fence = cluster.failover.fence
    if fence is not None and isinstance(fence.call, RlmdownCall):
        yield (
            "fence: rlmdown cannot tell a server that is dead or hangs, and does not hold one that systemd "
            "starts again; a fence with exec can"
        )
    balancer = cluster.load_balancer
    if balancer is None:
        yield (
            "there is no load balancer: a failover runs hooks and publishes new client settings, "
            "and clients that are connected stay where they are"
        )
        yield from _without_balancer(cluster)
        return
    if not balancer.haproxy:
        yield "spec.loadBalancer names no haproxy to steer: a failover does not move its connections"
    planned = {isv.casefold() for isv, _ in cluster.isv_ports}
    for isv in cluster.wanted_isvs:
        if isv.casefold() not in planned:
            yield (
                f"the ISV {isv} has no isvPorts, so the load balancer cannot carry its checkouts: "
                "give its ISV line a port= and write that under isvPorts of every server"
            )


def _without_balancer(cluster: Cluster) -> Iterator[str]:
    settings, policy = cluster.client_settings, cluster.failover
    if not settings.files and not policy.before and not policy.after:
        yield "there are neither clientSettings.files nor hooks, so a move is told to nobody"
    if settings.servers is ClientServers.ALL and cluster.takeover is Takeover.CONTROLLED:
        yield (
            "clientSettings.servers: all lists servers that hold copies of one license: a client that the "
            "first refuses takes a seat of the next, and more seats are out than were bought"
        )
