"""What a client reaches through the balancer: rlm, and behind it every ISV server."""

import asyncio

from rlm_exporter.doctor.finding import About, Outcome, Skipped, error
from rlm_exporter.doctor.site import NO_BALANCER, Site
from rlm_exporter.probe.through import ThroughBalancer

ABOUT = About(name="balancer-path", looks_at="rlmstat through every balancer, ISV servers included")


async def examine(site: Site) -> Outcome:
    """At the address of clients, and at each balancer's own."""
    balancer = site.cluster.load_balancer
    if balancer is None:
        return Skipped(why=NO_BALANCER)
    through = ThroughBalancer(cluster=site.cluster, license_probe=site.means.license, port=balancer.port)
    hosts = dict.fromkeys([balancer.host, *(each.address for each in balancer.haproxy if each.address)])
    results = await asyncio.gather(*(through(host) for host in hosts))
    ours = [result.failure.detail for result in results if result.failure is not None and result.ours]
    if ours:
        return Skipped(why=ours[0])
    return tuple(
        error(
            host,
            f"clients get no license there: {result.failure.detail}",
            why="this is the address that clients have",
            remedy="see which server the balancer sends them to (license-servers status --show-ha), and what "
            "name the license file's HOST line has",
        )
        for host, result in zip(hosts, results, strict=True)
        if result.failure is not None
    )
