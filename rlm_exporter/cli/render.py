"""`rlm-ha render …`: files for others, on stdout or in the folder that was named, and nowhere else."""

from pathlib import Path

import click

from rlm_exporter.cli.render_input import choose_cluster, cluster_option, not_found
from rlm_exporter.cli.render_systemd import read_names
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ConfigurationError, FormatError
from rlm_exporter.haproxy.config import Peer, RenderOptions, render_config
from rlm_exporter.manifest.formats import check_name
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.manifest.model import Cluster, HaproxyEndpoint
from rlm_exporter.rlm.address import Endpoint, format_host_port, is_ip, parse_host, parse_host_port

HAPROXY_FILE = "haproxy.cfg"
SNIPPET_FILE = "rlm-ha.cfg"
"""Under another name, because the file beside which it stands is often in the same folder."""
JOURNAL = "/dev/log"
"""Where journald listens, and before it every syslog of the same host."""
SYSLOG_PORT = 514
_LOG_TARGETS = "{!r}: write the address of a syslog server (10.0.0.5 or 10.0.0.5:514), journal, or none"


def _read_peers(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[Peer, ...]:
    return tuple(_read_peer(value) for value in values)


def _read_peer(value: str) -> Peer:
    name, _, address = value.partition("=")
    try:
        check_name(name)
        return Peer(name=name, address=format_host_port(parse_host_port(address)))
    except (ValueError, FormatError) as error:
        raise click.BadParameter(f"{value!r}: write it like lb1=10.0.0.1:10055") from error


def _read_bind(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return value if value == "*" else parse_host(value)
    except FormatError as error:
        raise click.BadParameter(f"{value!r}: write * or one address of this host") from error


def _read_file(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (value and value.isprintable()):
        raise click.BadParameter(f"{value!r} is no path")
    return value


def _read_syslog(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """As HAProxy's `log` wants them; None where nothing was said."""
    if "none" in values:
        if len(values) > 1:
            raise click.BadParameter("none stands alone")
        return ()
    return tuple(_log_target(value) for value in values) or None


def _log_target(value: str) -> str:
    if value == "journal":
        return JOURNAL
    if value.startswith("/") and value.isprintable() and " " not in value:
        return value
    try:
        bare = value.strip("[]")
        target = Endpoint(port=SYSLOG_PORT, host=bare) if is_ip(bare) else parse_host_port(value)
    except FormatError as error:
        raise click.BadParameter(_LOG_TARGETS.format(value)) from error
    if not is_ip(target.host):
        # HAProxy does not start where it cannot resolve such a name, and clients would wait for a log.
        raise click.BadParameter(_LOG_TARGETS.format(value))
    return format_host_port(target)


@click.command("haproxy")
@click.argument("manifest", type=click.Path(exists=True, path_type=Path))
@cluster_option
@click.option("--balancer", "balancer_name", metavar="NAME", help="Which one, where the cluster has several.")
@click.option(
    "--bind",
    metavar="ADDR",
    default="*",
    show_default=True,
    callback=_read_bind,
    help="Where clients connect.",
)
@click.option(
    "--peer",
    "peers",
    callback=_read_peers,
    metavar="NAME=HOST:PORT",
    multiple=True,
    help="A balancer that shares the table, this one among them; once for each.",
)
@click.option(
    "--stats-cert", metavar="FILE", callback=_read_file, help="The stats page's certificate with its key."
)
@click.option(
    "--stats-ca", metavar="FILE", callback=_read_file, help="Who signs the controller's certificate."
)
@click.option(
    "--socket-group", metavar="GROUP", callback=read_names, help="Who may use the stats page's socket."
)
@click.option(
    "--syslog",
    metavar="ADDR",
    multiple=True,
    callback=_read_syslog,
    help="Who is told of connections: a syslog's address, journal (default), or none (with --snippet).",
)
@click.option(
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"Write DIR/{HAPROXY_FILE} (or {SNIPPET_FILE}) instead of printing it.",
)
@click.option(
    "--snippet", is_flag=True, help="For a HAProxy that serves other things too: our sections alone."
)
def haproxy_command(
    manifest: Path,
    *,
    cluster_name: str | None,
    balancer_name: str | None,
    bind: str,
    peers: tuple[Peer, ...],
    stats_cert: str | None,
    stats_ca: str | None,
    socket_group: str | None,
    syslog: tuple[str, ...] | None,
    folder: Path | None,
    snippet: bool,
) -> None:
    """Render the haproxy.cfg of a balancer, in the form that the controller can steer.

    \b
    Examples:
      rlm-ha render haproxy rlm-ha-cluster.yaml --balancer lb1
    """
    cluster = choose_cluster(load_manifests((manifest,)).clusters, cluster_name)
    defaults = RenderOptions()
    options = RenderOptions(
        bind=bind,
        peers=peers,
        stats_certificate=stats_cert or defaults.stats_certificate,
        stats_ca=stats_ca or defaults.stats_ca,
        socket_group=socket_group,
        snippet=snippet,
        syslog=(() if snippet else (JOURNAL,)) if syslog is None else syslog,
    )
    text = render_config(cluster, _choose_balancer(cluster, balancer_name), options)
    if folder is None:
        click.echo(text, nl=False)
        return
    path = folder / (SNIPPET_FILE if snippet else HAPROXY_FILE)
    write_for_somebody(path, text)
    files = f"-f YOURS -f {path}" if snippet else f"-f {path}"
    click.echo(f"{path} is written; try it with: haproxy -c {files}", err=True)


def _choose_balancer(cluster: Cluster, name: str | None) -> HaproxyEndpoint:
    endpoints = () if cluster.load_balancer is None else cluster.load_balancer.haproxy
    known = ", ".join(endpoint.name for endpoint in endpoints)
    if not endpoints:
        raise ConfigurationError(
            f"{cluster.source}: {cluster.name} has no spec.loadBalancer.haproxy: name the balancer there "
            "(name, url), so that the daemon can steer it"
        )
    if name is not None:
        for endpoint in endpoints:
            if endpoint.name == name:
                return endpoint
        raise not_found(f"no balancer {name} in {cluster.name}; there is: {known}")
    if len(endpoints) != 1:
        raise click.UsageError(
            f"{cluster.name} has {len(endpoints)} balancers ({known}): say which by --balancer"
        )
    return endpoints[0]
