"""Renders the HAProxy configuration that the controller can steer, from the manifest's numbers.

The form is the one that was tried on HAProxy 2.6 and 3.0: one stick table with one key decides who is
active, `backup` lines move by themselves after a crash, and the stats page takes fenced commands.
"""

import re
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote_plus, urlsplit

from jinja2 import Environment, StrictUndefined, Template

from rlm_exporter.errors import ManifestError
from rlm_exporter.haproxy.view import BalancerNames
from rlm_exporter.manifest.model import Cluster, Detection, HaproxyEndpoint, LoadBalancerSpec, Server
from rlm_exporter.rlm.address import bracketed, is_ip


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTiming:
    """HAProxy's own connect checks, as its configuration writes them."""

    inter: str
    fastinter: str
    downinter: str
    fall: int
    rise: int


TIMINGS = {
    Detection.FAST: CheckTiming(inter="2s", fastinter="1s", downinter="2s", fall=2, rise=3),
    Detection.NORMAL: CheckTiming(inter="5s", fastinter="2s", downinter="5s", fall=3, rise=2),
    Detection.SLOW: CheckTiming(inter="10s", fastinter="10s", downinter="10s", fall=3, rise=2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One HAProxy that shares the stick table; `address` is `HOST:PORT`."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What the manifest does not say: where this HAProxy listens, and its own files."""

    bind: str = "*"
    peers: tuple[Peer, ...] = ()
    """All balancers, this one among them; empty = this one alone on a loopback port."""
    snippet: bool = False
    """Only our own sections, for a HAProxy that serves other things too."""
    stats_certificate: str = "/etc/haproxy/rlm-ha/stats.pem"
    stats_ca: str = "/etc/haproxy/rlm-ha/ca.pem"
    socket_group: str | None = None
    syslog: tuple[str, ...] = ()
    """Where connections and commands are told, as HAProxy's `log` names it; empty = nowhere."""


RESOLVERS = "rlm-ha"
"""The section of name servers."""
QUEUE = "30s"
"""How long a connection waits for room at its server."""
LONE_PEER_ADDRESS = "127.0.0.1:10055"


@dataclass(frozen=True, slots=True, kw_only=True)
class _IsvBackend:
    backend: str
    port: int
    ports: dict[str, int]


def isv_backend(endpoint: HaproxyEndpoint, isv: str) -> str:
    """The backend that carries an ISV's port in this HAProxy."""
    return dict(endpoint.isv_backends).get(isv, f"rlm_isv_{isv}")


def balancer_names(cluster: Cluster, endpoint: HaproxyEndpoint) -> BalancerNames:
    """How the cluster is called in this HAProxy."""
    balancer = cluster.load_balancer
    follows = balancer is not None and balancer.web_port is not None and balancer.web_follows
    return BalancerNames(
        license_backend=endpoint.backend,
        isv_backends={isv: isv_backend(endpoint, isv) for isv, _ in cluster.isv_ports},
        web_backend=web_backend(endpoint) if follows else None,
        servers=tuple(server.name for server in cluster.servers),
    )


def web_backend(endpoint: HaproxyEndpoint) -> str:
    """The backend that carries the web port in this HAProxy."""
    return endpoint.web_backend or "rlm_web_servers"


def render_config(cluster: Cluster, endpoint: HaproxyEndpoint, options: RenderOptions | None = None) -> str:
    """A haproxy.cfg for one balancer of the cluster, whole or for beside another file.

    Raises ManifestError when the manifest lacks what the file needs.
    """
    options = options or RenderOptions()
    balancer = _balancer(cluster)
    stop = endpoint.hard_stop_after
    stats_uri, binds, tls = _stats_binds(endpoint, options)
    return _template().render(
        snippet=options.snippet,
        cluster=cluster,
        balancer=balancer,
        bind=bracketed(options.bind.strip("[]")),
        local_peer=endpoint.name,
        peers=_peers(endpoint, options),
        peers_section="rlm",
        lone_peer_address=LONE_PEER_ADDRESS,
        name_servers=_name_servers(cluster, balancer),
        resolvers_section=RESOLVERS,
        timing=TIMINGS[cluster.failover.detection],
        affinity=cluster.tuning.session_affinity,
        maxconn=cluster.tuning.max_connections,
        queue=QUEUE,
        license_frontend="rlm_license_frontend",
        license_backend=endpoint.backend,
        web_backend=web_backend(endpoint),
        isvs=_isv_backends(cluster, endpoint),
        read_backends=_read_backends(balancer_names(cluster, endpoint)),
        hard_stop_after=None if stop is None else f"{stop.total_seconds() * 1000:.0f}ms",
        stats_uri=stats_uri,
        stats_binds=binds,
        stats_tls=tls,
        syslog=options.syslog,
    )


def _template() -> Template:
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - this is a configuration file, not HTML
        keep_trailing_newline=True,
    )
    environment.filters["address"] = _address
    environment.filters["exactly"] = _exactly
    source = resources.files(__package__).joinpath("haproxy.cfg.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


def _read_backends(names: BalancerNames) -> tuple[str, ...]:
    web = () if names.web_backend is None else (names.web_backend,)
    return (names.license_backend, *names.isv_backends.values(), *web)


def _peers(endpoint: HaproxyEndpoint, options: RenderOptions) -> tuple[Peer, ...]:
    """None in a snippet for a lone balancer: its name is then whatever the file beside it says."""
    if not options.peers:
        return () if options.snippet else (Peer(name=endpoint.name, address=LONE_PEER_ADDRESS),)
    if endpoint.name not in {peer.name for peer in options.peers}:
        raise ManifestError((f"peers: {endpoint.name} is not among them; HAProxy would drop the table",))
    return options.peers


def _address(server: Server, port: int) -> str:
    # HAProxy takes the last colon for the port's; brackets leave no doubt.
    return f"{bracketed(server.host)}:{port}"


def _word(text: str) -> str:
    """One word of HAProxy's, whatever is in it."""
    return re.sub(r"([\\\s'\"#])", r"\\\1", text)


def _name_servers(cluster: Cluster, balancer: LoadBalancerSpec) -> tuple[str, ...] | None:
    """None where nothing is asked for; empty for those of the machine."""
    named = any(not is_ip(server.host) for server in cluster.servers)
    return balancer.resolvers.addresses if balancer.resolvers is not None and named else None


def _exactly(name: str) -> str:
    """A section's name as a form sends it, inside a regular expression."""
    return quote_plus(name).replace(".", "[.]")


def _balancer(cluster: Cluster) -> LoadBalancerSpec:
    if cluster.load_balancer is None:
        raise ManifestError(
            (f"{cluster.source}: spec.loadBalancer is missing: say where clients connect (host, port)",)
        )
    return cluster.load_balancer


def _isv_backends(cluster: Cluster, endpoint: HaproxyEndpoint) -> tuple[_IsvBackend, ...]:
    missing = tuple(
        f"{cluster.source}: {server.name}: isvPorts.{isv} is missing: clients are sent on to the ISV "
        f"server's own port, so it must be fixed (`ISV {isv} port=N` in the license file) and named here"
        for isv in cluster.wanted_isvs
        for server in cluster.servers
        if isv not in dict(server.isv_ports)
    )
    if missing:
        raise ManifestError(missing)
    return tuple(
        _IsvBackend(
            backend=isv_backend(endpoint, isv),
            port=port,
            ports={server.name: dict(server.isv_ports)[isv] for server in cluster.servers},
        )
        for isv, port in cluster.isv_ports
    )


def _stats_binds(endpoint: HaproxyEndpoint, options: RenderOptions) -> tuple[str, tuple[str, ...], bool]:
    """The stats URI, the bind lines, and whether one of them is on TLS."""
    if endpoint.url.startswith("unix:"):
        path = endpoint.url.removeprefix("unix:")
        group = f" group {options.socket_group}" if options.socket_group else ""
        return "/stats", (f"unix@{path} mode 660{group} name local",), False
    url = urlsplit(endpoint.url)
    tls = f"ssl crt {_word(options.stats_certificate)} ca-file {_word(options.stats_ca)} verify required"
    # `:PORT` would be IPv4 alone, whatever the address by which we are told to come.
    where, family = ("[::]", " v4v6") if ":" in (url.hostname or "") else ("", "")
    return url.path or "/stats", (f"{where}:{url.port or 443}{family} {tls}",), True
