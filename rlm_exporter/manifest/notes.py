"""What a valid manifest leaves open, said before somebody learns it at night (pure)."""

from collections.abc import Iterator

from rlm_exporter.manifest.model import Cluster


def notes(cluster: Cluster) -> Iterator[str]:
    """Sentences about a cluster in which nothing is wrong."""
    if len(cluster.servers) == 1:
        yield "there is one server, so nothing can be moved anywhere"
    balancer = cluster.load_balancer
    if balancer is None:
        yield (
            "there is no load balancer: a failover runs hooks and publishes new client settings, "
            "and clients that are connected stay where they are"
        )
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
