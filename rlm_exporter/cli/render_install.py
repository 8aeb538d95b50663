"""`rlm-ha render install [MANIFEST]`: a script that installs a vendor's RLM."""

from pathlib import Path

import click

from rlm_exporter.cli.render_input import (
    MANIFEST,
    Rendered,
    choose_cluster,
    choose_server,
    cluster_option,
    give,
    output_option,
)
from rlm_exporter.cli.render_systemd import read_names, read_path
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.render.install import (
    SCRIPT,
    Installation,
    installation_for,
    isvs_without_port,
    render_install,
)

_USUAL = Installation()


@click.command("install")
@click.argument("manifest", required=False, type=MANIFEST)
@cluster_option
@click.option("--server", "word", metavar="NAME", help="Whose ports; default the first of the manifest.")
@click.option("--family", type=click.Choice(["debian", "rhel"]), help="Default: the script finds out.")
@click.option("--home", metavar="DIR", default=_USUAL.home, show_default=True, callback=read_path,
              help="Where RLM is to be.")  # fmt: skip
@click.option("--user", metavar="NAME", default=_USUAL.user, show_default=True, callback=read_names,
              help="Who is to run it.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Without a manifest: rlm's port.")
@click.option("--isv-port", "isv_ports", type=click.IntRange(1, 65535), metavar="PORT", multiple=True,
              help="Without a manifest: the port of an ISV server; once for each.")  # fmt: skip
@click.option("--web-port", type=click.IntRange(1, 65535), metavar="PORT",
              help="Without a manifest: the web interface's port.")  # fmt: skip
@output_option
def install_command(
    manifest: Path | None,
    *,
    cluster_name: str | None,
    word: str | None,
    family: str | None,
    home: str,
    user: str,
    port: int | None,
    isv_ports: tuple[int, ...],
    web_port: int | None,
    folder: Path | None,
) -> None:
    """Render a shell script that installs RLM from its vendor's archive, on Debian, RHEL and their like.

    It makes a user and folders, puts programs and license files there, and opens the firewall. With
    --root DIR it writes there alone and says what else it would do. Archive and license files are yours.

    \b
    Examples:
      rlm-ha render install cluster.yaml > install-rlm.sh
    """
    usual = Installation(
        home=home,
        user=user,
        family=family,
        port=port or _USUAL.port,
        isv_ports=isv_ports,
        web_port=web_port or _USUAL.web_port,
    )
    if manifest is not None:
        if port or isv_ports or web_port:
            raise click.UsageError("the manifest has the ports: leave --port, --isv-port and --web-port out")
        cluster = choose_cluster(load_manifests((manifest,)).clusters, cluster_name)
        server = cluster.servers[0] if word is None else choose_server(cluster, word)
        _warn(cluster, server)
        usual = installation_for(cluster, server, usual)
    elif word or cluster_name:
        raise click.UsageError("--server and --cluster are names of a manifest: name its file")
    elif not isv_ports:
        _warn_of_isvs(("every ISV",), "--isv-port")
    give({SCRIPT: Rendered(text=render_install(usual), mode=0o755)}, folder)


def _warn(cluster: Cluster, server: Server) -> None:
    _warn_of_isvs(isvs_without_port(cluster, server), f"isvPorts of {server.name} in the manifest")


def _warn_of_isvs(isvs: tuple[str, ...], place: str) -> None:
    for isv in isvs:
        click.echo(
            f"warning: the port of {isv} is not known, so no firewall lets it through: fix it in the license "
            f"file (ISV NAME port=N) and name it by {place}",
            err=True,
        )
