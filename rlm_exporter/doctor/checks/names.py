"""Names and address families: does everything have an address, and does each of a host's addresses answer?"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from rlm_exporter.doctor.finding import About, Finding, Outcome, error, warning
from rlm_exporter.doctor.name_servers import Known, know, of_this_machine
from rlm_exporter.doctor.site import Site
from rlm_exporter.probe.addresses import Address
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.rlm.address import is_ip

ABOUT = About(name="names", looks_at="names of servers and balancers, and each of their addresses")
LIMIT = timedelta(seconds=5)

Found = tuple[Address, ...] | OSError


async def examine(site: Site) -> Outcome:
    """All hosts of the manifest."""
    hosts = _hosts(site)
    found = await asyncio.gather(*(_resolve(site, host) for host in hosts))
    findings = [
        finding for host, addresses in zip(hosts, found, strict=True) for finding in _judge(host, addresses)
    ]
    findings += _twins(site, dict(zip(hosts, found, strict=True)))
    for server in site.cluster.servers:
        addresses = found[hosts.index(server.host)]
        if not isinstance(addresses, OSError) and len(addresses) > 1:
            findings += await _each_address(site, server.name, server.port, addresses)
    return (*findings, *await _unknown_to_haproxy(site))


def _hosts(site: Site) -> list[str]:
    balancer = site.cluster.load_balancer
    hosts = [server.host for server in site.cluster.servers]
    if balancer is not None:
        hosts += [balancer.host, *(each.address for each in balancer.haproxy if each.address is not None)]
    return list(dict.fromkeys(hosts))


async def _resolve(site: Site, host: str) -> Found:
    try:
        async with asyncio.timeout(LIMIT.total_seconds()):
            return await site.means.resolver.resolve(host)
    except TimeoutError:
        return OSError(0, f"no name server answered within {LIMIT.total_seconds():g} s")
    except OSError as error_:
        return error_


def _judge(host: str, found: Found) -> Iterator[Finding]:
    if isinstance(found, OSError):
        yield error(
            host,
            f"has no address: {found.strerror or found}",
            why="nobody who asks for it by this name gets a license",
            remedy="correct the name in the manifest, or add it to DNS or /etc/hosts of every machine",
        )
        return
    local = [address.ip for address in found if address.ip.startswith("127.") or address.ip == "::1"]
    if local and not is_ip(host) and host != "localhost":
        yield warning(
            host,
            f"is {local[0]} on this machine",
            why="checks from here would ask this machine, whoever else has the name",
            remedy="take the line with this name and a loopback address out of /etc/hosts",
        )


def _twins(site: Site, found: dict[str, Found]) -> Iterator[Finding]:
    taken: dict[tuple[str, int], str] = {}
    for server in site.cluster.servers:
        addresses = found[server.host]
        for address in () if isinstance(addresses, OSError) else addresses:
            first = taken.setdefault((address.ip, server.port), server.name)
            if first != server.name:
                yield error(
                    server.name,
                    f"is the same as {first}: both are {address.ip} port {server.port}",
                    why="there is one server less than the manifest counts on",
                    remedy="give each server's name the address of its own machine",
                )


async def _each_address(site: Site, name: str, port: int, addresses: tuple[Address, ...]) -> list[Finding]:
    """A client may try them in another order than we, and waits for each that says nothing."""
    results = await asyncio.gather(
        *(
            ConnectProbe(clock=site.means.clock, resolver=site.means.resolver).probe(
                address.ip, port, timeout=LIMIT
            )
            for address in addresses
        )
    )
    silent = [address.ip for address, result in zip(addresses, results, strict=True) if not result.ok]
    if not silent or len(silent) == len(addresses):
        return []
    return [
        warning(
            name,
            f"port {port} takes no connection at {', '.join(silent)}, which its name stands for too",
            why="programs that try this address first fail or wait, and others do not",
            remedy="have rlm reachable at every address of the name, or take the address out of DNS",
        )
    ]


async def _unknown_to_haproxy(site: Site) -> list[Finding]:
    """With resolvers HAProxy asks name servers alone, and what it found at its start lasts only so long."""
    balancer = site.cluster.load_balancer
    resolvers = None if balancer is None else balancer.resolvers
    hosts = [server.host for server in site.cluster.servers if not is_ip(server.host)]
    if resolvers is None or not hosts:
        return []
    try:
        asked = resolvers.addresses or of_this_machine()
    except OSError:
        asked = ()
    known = await asyncio.gather(*(know(asked, host) for host in hosts))
    findings = [
        error(
            host,
            f"is not known to the name servers that HAProxy asks ({', '.join(asked)})",
            why="HAProxy keeps the address that it found at its start for 20 days, and then takes the server "
            "out; all such servers at once",
            remedy="add the name to DNS, write it in the manifest as DNS has it, or leave "
            "loadBalancer.resolvers out: /etc/hosts and search lists are not asked",
        )
        for host, word in zip(hosts, known, strict=True)
        if word is Known.NO
    ]
    if Known.UNKNOWN in known and Known.YES not in known and not findings:
        findings.append(
            warning(
                "loadBalancer.resolvers",
                f"no name server answers here ({', '.join(asked) or 'resolv.conf names none'})",
                why="while none answers HAProxy, a server's new address is not followed, and a reload leaves "
                "it without servers",
                remedy="see whether HAProxy's machines reach them on port 53, UDP",
            )
        )
    return findings
