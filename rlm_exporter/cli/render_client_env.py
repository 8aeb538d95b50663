"""`rlm-ha render client-env` and `slurm`: what clients of a cluster need in their environment."""

from pathlib import Path

import click

from rlm_exporter.cli.manners import AnyCallable
from rlm_exporter.cli.render_input import choose_cluster, choose_server, cluster_option, output_option
from rlm_exporter.cli.settings_formats import FORM, FORMS, HELP
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.manifest.model import Cluster, SettingsFormat
from rlm_exporter.render.client_servers import lists_all
from rlm_exporter.render.client_settings import file_mode, render_settings, settings_for

_ENDINGS = {
    SettingsFormat.SH: "rlm.sh",
    SettingsFormat.POWERSHELL: "rlm.ps1",
    SettingsFormat.MODULEFILE: "rlm",
    SettingsFormat.LUA: "rlm.lua",
    SettingsFormat.TASK_PROLOG: "rlm-task-prolog",
}


def _common(function: AnyCallable) -> AnyCallable:
    """The manifest, whose cluster, and where to."""
    for decorate in (
        output_option,
        click.option(
            "--active", metavar="SERVER", help="Who is active (default: the first of the manifest)."
        ),
        click.option("--site", metavar="NAME", help="Whose clients, with `tuning.clientOrder: site`."),
        cluster_option,
        click.argument("manifest", type=click.Path(exists=True, path_type=Path)),
    ):
        function = decorate(function)
    return function


@click.command("client-env")
@_common
@click.option("--format", "form", type=FORM, default="sh", show_default=True, help=HELP)
def client_env_command(
    manifest: Path,
    *,
    cluster_name: str | None,
    active: str | None,
    site: str | None,
    form: str,
    folder: Path | None,
) -> None:
    """Render RLM_LICENSE, <isv>_LICENSE and RLM_CONNECT_TIMEOUT for a cluster's clients.

    With a load balancer they name it alone. Without one they name the active server, or all with that one
    first where RLM itself moves the licenses. With `clientSettings` in the manifest the daemon writes this at
    each move; `cluster config show` prints what jobs get now.

    \b
    Examples:
      rlm-ha render client-env rlm-ha-cluster.yaml
    """
    cluster = choose_cluster(load_manifests((manifest,)).clusters, cluster_name)
    _render(cluster, active, site, FORMS[form], folder)


@click.command("slurm")
@_common
def slurm_command(
    manifest: Path, *, cluster_name: str | None, active: str | None, site: str | None, folder: Path | None
) -> None:
    """Render a TaskProlog for Slurm: a program that prints what each task gets into its environment.

    \b
    Examples:
      rlm-ha render slurm cluster.yaml --output /etc/slurm
      TaskProlog=/etc/slurm/rlm-task-prolog      in slurm.conf
    """
    cluster = choose_cluster(load_manifests((manifest,)).clusters, cluster_name)
    _render(cluster, active, site, SettingsFormat.TASK_PROLOG, folder)


def _render(
    cluster: Cluster, active: str | None, site: str | None, form: SettingsFormat, folder: Path | None
) -> None:
    server = cluster.servers[0] if active is None else choose_server(cluster, active)
    text = render_settings(settings_for(cluster, server.name, site=site), form)
    if cluster.load_balancer is None and not lists_all(cluster):
        click.echo("the active server alone is named: clientSettings has the daemon write it anew", err=True)
    if folder is None:
        click.echo(text, nl=False)
        return
    path = folder / _ENDINGS[form]
    write_for_somebody(path, text, mode=file_mode(form))
    click.echo(f"{path} is written", err=True)
