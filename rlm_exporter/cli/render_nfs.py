"""`rlm-ha render nfs MANIFEST --nfs-server HOST`: a read-only share of license files."""

import ipaddress
from pathlib import Path

import click

from rlm_exporter.cli.render_input import (
    MANIFEST,
    Rendered,
    choose_cluster,
    cluster_option,
    give,
    output_option,
)
from rlm_exporter.cli.render_systemd import read_path
from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.render.nfs import EXPORTS, FSTAB, Share, render_exports, render_fstab
from rlm_exporter.rlm.address import parse_host


def _read_host(_ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        return parse_host(value)
    except FormatError as error:
        raise click.BadParameter(str(error), param=parameter) from error


def _read_clients(
    _ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(_read_client(value, parameter) for value in values)


def _read_client(value: str, parameter: click.Parameter) -> str:
    try:
        return str(ipaddress.ip_network(value)) if "/" in value else parse_host(value)
    except (FormatError, ValueError) as error:
        raise click.BadParameter(
            f"{value!r}: write a host, an address, or a network such as 10.0.0.0/24", param=parameter
        ) from error


@click.command("nfs")
@click.argument("manifest", type=MANIFEST)
@cluster_option
@click.option("--nfs-server", metavar="HOST", required=True, callback=_read_host, help="Who has the files.")
@click.option("--path", default="/nfs/rlm/licenses", show_default=True, callback=read_path,
              metavar="DIR", help="Where they are there.")  # fmt: skip
@click.option("--mount", default="/opt/rlm/shared", show_default=True, callback=read_path,
              metavar="DIR", help="Where license servers see them.")  # fmt: skip
@click.option("--client", "clients", metavar="HOST", multiple=True, callback=_read_clients,
              help="Who may read; default the servers of the manifest.")  # fmt: skip
@output_option
def nfs_command(
    manifest: Path,
    *,
    cluster_name: str | None,
    nfs_server: str,
    path: str,
    mount: str,
    clients: tuple[str, ...],
    folder: Path | None,
) -> None:
    """Render an NFS export of license files and the fstab line of the license servers.

    Read only and without root. License files that are pushed to each server are the better way; the files say
    why.

    \b
    Examples:
      rlm-ha render nfs cluster.yaml --nfs-server nfs.example.com
    """
    cluster = choose_cluster(load_manifests((manifest,)).clusters, cluster_name)
    share = Share(
        server=nfs_server,
        path=path,
        clients=clients or tuple(server.host for server in cluster.servers),
        mount=mount,
    )
    if nfs_server in {server.host for server in cluster.servers}:
        click.echo(
            f"warning: {nfs_server} is a license server; when it dies, so do the others' files", err=True
        )
    files = {EXPORTS: Rendered(text=render_exports(share)), FSTAB: Rendered(text=render_fstab(share))}
    give(files, folder)
