"""A shell script that installs a vendor's RLM on Debian, RHEL and their like (pure).

It holds no RLM and no license: it unpacks what the administrator has from the vendor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from rlm_exporter.manifest.model import Cluster, HaproxyEndpoint, Server
from rlm_exporter.render.templates import template

SCRIPT = "install-rlm.sh"
PEER_PORT = 10055
"""Where balancers share their table, in what `render haproxy` makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the script has to know of one server."""

    home: str = "/opt/rlm"
    user: str = "rlm"
    port: int = 5053
    isv_ports: tuple[int, ...] = ()
    web_port: int | None = 5054
    balancer_ports: tuple[int, ...] = ()
    """All that a balancer on the same host listens on or connects to."""
    family: str | None = None
    """debian or rhel; None = the script finds out."""


def installation_for(cluster: Cluster, server: Server, usual: Installation) -> Installation:
    """The ports of one server of a manifest; the rest as it is usual."""
    return Installation(
        home=usual.home,
        user=usual.user,
        family=usual.family,
        port=server.port,
        isv_ports=tuple(sorted({port for _, port in server.isv_ports})),
        web_port=server.web_port if cluster.health_check.check_web else None,
        balancer_ports=_balancer_ports(cluster),
    )


def render_install(installation: Installation) -> str:
    """The text of the script."""
    tcp = dict.fromkeys((installation.port, *installation.isv_ports))
    return template("install.sh.j2").render(
        home=installation.home,
        user=installation.user,
        family=installation.family,
        # Clients that know no server ask for one by a broadcast on the same number.
        license_ports=(*(f"{port}/tcp" for port in tcp), f"{installation.port}/udp"),
        web_port=installation.web_port,
        balancer_ports=installation.balancer_ports
        or tuple(sorted({*tcp, *((installation.web_port,) if installation.web_port else ())})),
    )


def isvs_without_port(cluster: Cluster, server: Server) -> tuple[str, ...]:
    """ISV servers whose port nobody can plan with, so no firewall can let it through."""
    planned = dict(server.isv_ports)
    return tuple(isv for isv in cluster.wanted_isvs if isv not in planned)


def _balancer_ports(cluster: Cluster) -> tuple[int, ...]:
    balancer = cluster.load_balancer
    if balancer is None:
        return ()
    ports = {balancer.port, PEER_PORT, *(port for _, port in cluster.isv_ports), *_stats(balancer.haproxy)}
    for server in cluster.servers:
        ports |= {server.port, *(port for _, port in server.isv_ports)}
        ports |= {server.web_port} if balancer.web_port else set()
    return tuple(sorted(ports | ({balancer.web_port} if balancer.web_port else set())))


def _stats(endpoints: Iterable[HaproxyEndpoint]) -> set[int]:
    urls = (urlsplit(endpoint.url) for endpoint in endpoints if not endpoint.url.startswith("unix:"))
    return {url.port or 443 for url in urls}
