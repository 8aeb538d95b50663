"""`rlm-ha render …`: files for others, on stdout or in the folder that was named, and nowhere else."""

from pathlib import Path

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ApiError, ConfigurationError
from rlm_exporter.haproxy.config import Peer, RenderOptions, render_config
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.manifest.model import Cluster, HaproxyEndpoint

HAPROXY_FILE = "haproxy.cfg"
SNIPPET_FILE = "rlm-ha.cfg"
"""Under another name, because the file beside which it stands is often in the same folder."""


def _read_peers(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[Peer, ...]:
    return tuple(_read_peer(value) for value in values)


def _read_peer(value: str) -> Peer:
    name, _, address = value.partition("=")
    host, _, port = address.rpartition(":")
    if not (name and host and port.isdecimal() and 0 < int(port) < 65536):
        raise click.BadParameter(f"{value!r}: write it like lb1=10.0.0.1:10055")
    return Peer(name=name, address=address)


@click.command("haproxy")
@click.argument("manifest", type=click.Path(exists=True, path_type=Path))
@click.option("--cluster", "cluster_name", metavar="NAME", help="Which one, where the manifest has several.")
@click.option("--balancer", "balancer_name", metavar="NAME", help="Which one, where the cluster has several.")
@click.option("--bind", metavar="ADDR", default="*", show_default=True, help="Where clients connect.")
@click.option(
    "--peer",
    "peers",
    callback=_read_peers,
    metavar="NAME=HOST:PORT",
    multiple=True,
    help="A balancer that shares the table, this one among them; once for each.",
)
@click.option("--stats-cert", metavar="FILE", help="The stats page's certificate with its key.")
@click.option("--stats-ca", metavar="FILE", help="Who signs the controller's certificate.")
@click.option("--socket-group", metavar="GROUP", help="Who may use the stats page's socket.")
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
    folder: Path | None,
    snippet: bool,
) -> None:
    """Render the haproxy.cfg of a balancer, in the form that the controller can steer.

    \b
    Examples:
      rlm-ha render haproxy rlm-ha-cluster.yaml --balancer lb1
    """
    cluster = _choose_cluster(load_manifests((manifest,)).clusters, cluster_name)
    defaults = RenderOptions()
    options = RenderOptions(
        bind=bind,
        peers=peers,
        stats_certificate=stats_cert or defaults.stats_certificate,
        stats_ca=stats_ca or defaults.stats_ca,
        socket_group=socket_group,
        snippet=snippet,
    )
    text = render_config(cluster, _choose_balancer(cluster, balancer_name), options)
    if folder is None:
        click.echo(text, nl=False)
        return
    path = folder / (SNIPPET_FILE if snippet else HAPROXY_FILE)
    write_for_somebody(path, text)
    files = f"-f YOURS -f {path}" if snippet else f"-f {path}"
    click.echo(f"{path} is written; try it with: haproxy -c {files}", err=True)


def _choose_cluster(clusters: tuple[Cluster, ...], name: str | None) -> Cluster:
    known = ", ".join(cluster.name for cluster in clusters) or "none"
    if name is not None:
        for cluster in clusters:
            if cluster.name == name:
                return cluster
        raise _not_found(f"no cluster {name} in the manifest; there is: {known}")
    if len(clusters) != 1:
        raise click.UsageError(f"the manifest has {len(clusters)} clusters ({known}): say which by --cluster")
    return clusters[0]


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
        raise _not_found(f"no balancer {name} in {cluster.name}; there is: {known}")
    if len(endpoints) != 1:
        raise click.UsageError(
            f"{cluster.name} has {len(endpoints)} balancers ({known}): say which by --balancer"
        )
    return endpoints[0]


def _not_found(message: str) -> ApiError:
    return ApiError(message, status=None, exit_code=ExitCode.NOT_FOUND)
