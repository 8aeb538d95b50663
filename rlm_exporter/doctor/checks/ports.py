"""Ports from here: rlm's, every ISV server's, the web interface's, and the same at the balancer."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from rlm_exporter.doctor.finding import About, Finding, Outcome, error, warning
from rlm_exporter.doctor.site import Site

ABOUT = About(name="ports", looks_at="ports of rlm, ISV servers, web interfaces and balancers, from here")
LIMIT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Port:
    subject: str
    service: str
    host: str
    port: int
    needed: bool


async def examine(site: Site) -> Outcome:
    """By bare connects: rlm logs an error for every byte that it does not expect."""
    ports = _ports(site)
    results = await asyncio.gather(
        *(site.means.tcp.probe(each.host, each.port, timeout=LIMIT) for each in ports)
    )
    found = [
        _closed(each, result.failure.detail)
        for each, result in zip(ports, results, strict=True)
        if result.failure is not None
    ]
    return (*found, *_unplanned(site))


def _ports(site: Site) -> list[_Port]:
    cluster, found = site.cluster, []
    check = cluster.health_check

    def add(subject: str, service: str, host: str, port: int, *, needed: bool = True) -> None:
        found.append(_Port(subject=subject, service=service, host=host, port=port, needed=needed))

    for server in cluster.servers:
        add(server.name, "rlm", server.host, server.port)
        for isv, port in server.isv_ports:
            add(server.name, f"ISV server {isv}", server.host, port)
        if check.check_web:
            add(server.name, "web interface", server.host, server.web_port, needed=check.web_required)
    balancer = cluster.load_balancer
    if balancer is not None:
        hosts = [each.address for each in balancer.haproxy if each.address is not None]
        for host in dict.fromkeys([balancer.host, *hosts]):
            add(host, "balancer's license", host, balancer.port)
            for isv, port in cluster.isv_ports:
                add(host, f"balancer's {isv}", host, port)
            if balancer.web_port is not None:
                add(host, "balancer's web", host, balancer.web_port, needed=False)
    return found


def _closed(port: _Port, detail: str) -> Finding:
    say = error if port.needed else warning
    return say(
        port.subject,
        f"the {port.service} port {port.port} takes no connection: {detail}",
        why="checkouts fail" if port.needed else "nobody can look at the web interface",
        remedy="start what listens there, or open the port in every firewall on the way",
    )


def _unplanned(site: Site) -> list[Finding]:
    if site.cluster.load_balancer is None:
        return []
    planned = {isv.casefold() for isv, _ in site.cluster.isv_ports}
    return [
        error(
            isv,
            "its ISV servers have no fixed port",
            why="rlm sends clients on to a port that the balancer does not carry",
            remedy=f"write port=N on the line ISV {isv} of every license file, and isvPorts in the manifest",
        )
        for isv in site.cluster.wanted_isvs
        if isv.casefold() not in planned
    ]
