"""Which servers clients are told of, in which order: by the manifest and by an operator's word. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.model import (
    ClientOrder,
    ClientServers,
    Cluster,
    LoadBalancerSpec,
    Server,
    Takeover,
)
from rlm_exporter.rlm.address import Endpoint, format_endpoint, parse_endpoint, same_host
from rlm_exporter.rlm.license_list import ListKind, read_license_path
from rlm_exporter.store.records import ClientConfig

NOTHING_SET = ClientConfig()

_BETWEEN = re.compile(r"[\s,]+")


class MisfitKind(StrEnum):
    """Why clients of a cluster are not told what somebody wants them to be."""

    UNKNOWN_SERVER = "unknown_server"
    PAST_BALANCER = "past_balancer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """A list of servers that does not fit the cluster, and what does."""

    kind: MisfitKind
    detail: str


def read_servers(text: str, cluster: Cluster) -> tuple[str, ...] | Misfit:
    """A list of `port@host` or of the cluster's servers by name; empty for the cluster's own name or nothing.

    Each part may be parted from the next as RLM does it (`:`, `;`), by a blank or by a comma.
    """
    if text.strip() in {"", cluster.name}:
        return ()
    found: list[str] = []
    for word in filter(None, _BETWEEN.split(text.strip())):
        server = cluster.find(word)
        if server is not None:
            found.append(format_endpoint(endpoint_of(server)))
            continue
        for item in read_license_path(word).items:
            server = cluster.find(item.text)
            if item.kind is not ListKind.SERVER and server is None:
                return _unknown(item.text, cluster)
            endpoint = item.endpoint if server is None else endpoint_of(server)
            if endpoint is not None:
                found.append(format_endpoint(endpoint))
    servers = tuple(dict.fromkeys(found))
    return misfit(servers, cluster) or servers


def misfit(servers: tuple[str, ...], cluster: Cluster) -> Misfit | None:
    """Why clients cannot be told of these; None where they can.

    One address that nobody knows is taken for a balancer's where the manifest has none.
    """
    balancer = cluster.load_balancer
    for text in servers:
        member = bool(members_of((text,), cluster))
        if member and balancer is not None and cluster.takeover is Takeover.CONTROLLED:
            return Misfit(
                kind=MisfitKind.PAST_BALANCER,
                detail=f"{text} leads past the load balancer: jobs there would follow no move, and take "
                f"seats of a second copy of the license; give {_balancers_words(cluster)}, or the cluster's "
                f"name ({cluster.name})",
            )
        if not member and text not in balancer_addresses(cluster) and not _stands_alone(servers, cluster):
            return _unknown(text, cluster)
    return None


def endpoints_for(
    cluster: Cluster, active: str, config: ClientConfig = NOTHING_SET, *, site: str | None = None
) -> tuple[Endpoint, ...]:
    """Where clients ask, in their order, while that server is active; those of a site by their own order.

    What was set and does not fit the manifest any more counts for nothing.
    """
    first = cluster.server(active) if config.follows else cluster.servers[0]
    if not config.servers or misfit(config.servers, cluster) is not None:
        return _by_manifest(cluster, first, site)
    members = members_of(config.servers, cluster)
    if not members or not config.follows:
        return tuple(endpoint for text in config.servers if (endpoint := _read(text)) is not None)
    # Also where it is not in the list: the others would refuse, or serve a copy.
    others = [each for each in members if each.name != first.name]
    return (endpoint_of(first), *map(endpoint_of, _near_first(cluster, others, site)))


def lists_all(cluster: Cluster) -> bool:
    """Whether by the manifest clients are told of every server, the active one first."""
    wanted = cluster.client_settings.servers
    if wanted is None:
        return cluster.takeover is Takeover.NATIVE
    return wanted is ClientServers.ALL


def lists_copies(cluster: Cluster, told: tuple[Endpoint, ...]) -> bool:
    """Whether clients are told of several servers that hold copies of one license."""
    members = [each for each in told if member_at(each, cluster) is not None]
    return cluster.takeover is Takeover.CONTROLLED and len(members) > 1


def endpoint_of(server: Server) -> Endpoint:
    """Where that server takes clients."""
    return Endpoint(port=server.port, host=server.host)


def member_at(endpoint: Endpoint, cluster: Cluster) -> Server | None:
    """The cluster's server there."""
    return next(
        (
            server
            for server in cluster.servers
            if server.port == endpoint.port and same_host(server.host) == same_host(endpoint.host)
        ),
        None,
    )


def members_of(servers: tuple[str, ...], cluster: Cluster) -> tuple[Server, ...]:
    """The cluster's servers among these."""
    endpoints = [endpoint for text in servers if (endpoint := _read(text)) is not None]
    return tuple(member for each in endpoints if (member := member_at(each, cluster)) is not None)


def balancer_addresses(cluster: Cluster) -> tuple[str, ...]:
    """Where the cluster's balancers take clients, by the manifest."""
    balancer = cluster.load_balancer
    if balancer is None:
        return ()
    hosts = [balancer.host, *(each.address for each in balancer.haproxy if each.address is not None)]
    return tuple(dict.fromkeys(format_endpoint(Endpoint(port=balancer.port, host=host)) for host in hosts))


def _by_manifest(cluster: Cluster, first: Server, site: str | None) -> tuple[Endpoint, ...]:
    balancer = cluster.load_balancer
    if balancer is not None:
        hosts = _balancers_of(balancer, site) if _by_site(cluster, site) else ()
        return tuple(Endpoint(port=balancer.port, host=host) for host in hosts or (balancer.host,))
    others = [server for server in cluster.servers if server.name != first.name] if lists_all(cluster) else []
    return tuple(endpoint_of(server) for server in (first, *_near_first(cluster, others, site)))


def _by_site(cluster: Cluster, site: str | None) -> bool:
    return site is not None and cluster.tuning.clients is ClientOrder.SITE


def _balancers_of(balancer: LoadBalancerSpec, site: str | None) -> tuple[str, ...]:
    """Each balancer's own address, those of the site first; they all lead to the same server."""
    own = [each for each in balancer.haproxy if each.address is not None]
    own.sort(key=lambda each: each.site != site)
    return tuple(each.address for each in own if each.address is not None)


def _near_first(cluster: Cluster, servers: Iterable[Server], site: str | None) -> list[Server]:
    """The standbys of the site first. The active one stays before them all: nobody else serves."""
    return sorted(servers, key=lambda each: _by_site(cluster, site) and each.site != site)


def _stands_alone(servers: tuple[str, ...], cluster: Cluster) -> bool:
    """Whether the only one may be a balancer that the manifest does not know of."""
    if len(servers) != 1 or cluster.load_balancer is not None:
        return False
    endpoint = _read(servers[0])
    hosts = {same_host(server.host) for server in cluster.servers}
    return endpoint is not None and same_host(endpoint.host) not in hosts


def _read(text: str) -> Endpoint | None:
    try:
        return parse_endpoint(text)
    except FormatError:
        return None


def _unknown(text: str, cluster: Cluster) -> Misfit:
    servers = ", ".join(format_endpoint(endpoint_of(server)) for server in cluster.servers)
    behind = f", behind {_balancers_words(cluster)}" if cluster.load_balancer is not None else ""
    return Misfit(
        kind=MisfitKind.UNKNOWN_SERVER,
        detail=f"{text!r} is not of {cluster.name}; there are {servers}{behind}",
    )


def _balancers_words(cluster: Cluster) -> str:
    return " or ".join(balancer_addresses(cluster))
