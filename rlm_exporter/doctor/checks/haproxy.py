"""Every HAProxy through its stats page: can it be read, does it know every server, do several agree?"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.site import NO_BALANCER, Site, key_paths
from rlm_exporter.errors import LoadBalancerError
from rlm_exporter.haproxy.client import StatsPageClient
from rlm_exporter.haproxy.config import balancer_names
from rlm_exporter.haproxy.view import BalancerView
from rlm_exporter.manifest.model import HaproxyEndpoint, Server
from rlm_exporter.rlm.address import is_ip, parse_host_port, same_host

ABOUT = About(name="haproxy", looks_at="what each HAProxy says of itself: servers it knows, who is active")

LIMIT = timedelta(seconds=5)
"""For a name server's answer."""

Reading = BalancerView | LoadBalancerError


async def examine(site: Site) -> Outcome:
    """Reads, and commands nothing."""
    balancer = site.cluster.load_balancer
    if balancer is None:
        return Skipped(why=NO_BALANCER)
    if not balancer.haproxy:
        return Skipped(why="the manifest names no haproxy")
    readings = await asyncio.gather(*(_read(site, endpoint) for endpoint in balancer.haproxy))
    found = [
        finding
        for endpoint, reading in zip(balancer.haproxy, readings, strict=True)
        for finding in _judge(endpoint, reading)
    ]
    views = [each for each in readings if isinstance(each, BalancerView)]
    strays = await asyncio.gather(*(_astray(site, server, views) for server in site.cluster.servers))
    return (*found, *(finding for each in strays for finding in each), *_disagreement(views))


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
            remedy="mend the name's resolution on that machine, and reload HAProxy where it was rendered "
            "without loadBalancer.resolvers; with them it finds the name by itself",
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


async def _astray(site: Site, server: Server, views: Sequence[BalancerView]) -> list[Finding]:
    """Balancers that send a server's clients to no address of its name. A name that is not known here is the
    business of another check."""
    try:
        async with asyncio.timeout(LIMIT.total_seconds()):
            addresses = await site.means.resolver.resolve(server.host)
    except (TimeoutError, OSError):
        return []
    ours = {same_host(address.ip) for address in addresses}
    balancer = site.cluster.load_balancer
    follows = balancer is not None and balancer.resolvers is not None
    found = []
    for view in views:
        line = view.license_line(server.name)
        theirs = None if line is None or line.address is None else parse_host_port(line.address).host
        if theirs is not None and same_host(theirs) not in ours:
            found.append(_stray(view.balancer, server, theirs, sorted(ours), follows=follows))
    return found


def _stray(balancer: str, server: Server, theirs: str, ours: list[str], *, follows: bool) -> Finding:
    named = not is_ip(server.host)
    return warning(
        balancer,
        f"it sends clients of {server.name} to {theirs}"
        + (f", and {server.host} is {' and '.join(ours)} here" if named else f" and not to {server.host}"),
        why="checks ask one machine, and clients are sent to another",
        remedy=_remedy(named=named, follows=follows),
    )


def _remedy(*, named: bool, follows: bool) -> str:
    if not named:
        return "render its configuration again (rlm-ha render haproxy), and reload it"
    if follows:
        return (
            "see whether its name servers (loadBalancer.resolvers) answer, and say what this machine's say; "
            "while none answers it stays with the last address"
        )
    return (
        "reload it: it looks names up when it starts and never again, unless the manifest has "
        "loadBalancer.resolvers"
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
