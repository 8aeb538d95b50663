"""Every HAProxy through its stats page: can it be read, does it know all servers, do several agree?"""

import asyncio
from collections.abc import Iterator

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.site import Site, key_paths
from rlm_exporter.errors import LoadBalancerError
from rlm_exporter.haproxy.client import StatsPageClient
from rlm_exporter.haproxy.config import balancer_names
from rlm_exporter.haproxy.view import BalancerView
from rlm_exporter.manifest.model import HaproxyEndpoint

ABOUT = About(name="haproxy", looks_at="what each HAProxy says of itself: servers it knows, who is active")

Reading = BalancerView | LoadBalancerError


async def examine(site: Site) -> Outcome:
    """Reads, and commands nothing."""
    balancer = site.cluster.load_balancer
    if balancer is None or not balancer.haproxy:
        return Skipped(why="the manifest names no haproxy")
    readings = await asyncio.gather(*(_read(site, endpoint) for endpoint in balancer.haproxy))
    found = [
        finding
        for endpoint, reading in zip(balancer.haproxy, readings, strict=True)
        for finding in _judge(endpoint, reading)
    ]
    return (*found, *_disagreement([each for each in readings if isinstance(each, BalancerView)]))


async def _read(site: Site, endpoint: HaproxyEndpoint) -> Reading:
    if unreadable := [path for path in key_paths(endpoint) if site.keys[path].unreadable is not None]:
        return LoadBalancerError(f"it was not asked, because {unreadable[0]} cannot be read")
    page = StatsPageClient(
        endpoint=endpoint, names=balancer_names(site.cluster, endpoint), clock=site.means.clock
    )
    try:
        return await page.observe()
    except LoadBalancerError as problem:
        return problem
    finally:
        await page.close()


def _judge(endpoint: HaproxyEndpoint, reading: Reading) -> Iterator[Finding]:
    if isinstance(reading, LoadBalancerError):
        yield error(
            endpoint.name,
            str(reading),
            why="it can neither be watched nor steered: a failover leaves its clients where they are",
            remedy="start it; see that url, clientCert and caCert are right, and the file is a rendered one",
        )
        return
    if reading.unknown_servers:
        yield error(
            endpoint.name,
            f"it does not know {', '.join(sorted(reading.unknown_servers))} in every backend",
            why="clients cannot be sent there",
            remedy="render its configuration again (rlm-ha render haproxy), and reload it",
        )
    if reading.unresolved:
        yield error(
            endpoint.name,
            f"it has no address for {', '.join(sorted(reading.unresolved))}",
            why="it sends nobody there, whatever it is told",
            remedy="mend the name's resolution on that machine, and reload HAProxy",
        )
    if reading.epoch is None:
        yield warning(
            endpoint.name,
            "nobody has steered it since its last start",
            why="who is active is HAProxy's own choice, and not written down anywhere",
            remedy="run the daemon (rlm-ha serve) with this manifest",
        )
    if reading.web_differs is not None:
        yield warning(
            endpoint.name,
            reading.web_differs,
            why="browsers see another server than clients use",
            remedy="render its configuration again (rlm-ha render haproxy), and reload it",
        )


def _disagreement(views: list[BalancerView]) -> Iterator[Finding]:
    active = {view.balancer: view.active for view in views if view.active is not None}
    if len(set(active.values())) > 1:
        listed = ", ".join(f"{name} to {server}" for name, server in active.items())
        yield error(
            "balancers",
            f"they send clients to different servers: {listed}",
            why="two servers give out the same seats",
            remedy="see that they are peers of each other, and that one daemon steers both",
        )
