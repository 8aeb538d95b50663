"""`rlm-ha render client-env` and `slurm`: what clients of a cluster need in their environment."""

from pathlib import Path

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import AnyCallable
from rlm_exporter.cli.settings_formats import FORM, FORMS, HELP
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ApiError
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
        click.option(
            "--output",
            "folder",
            metavar="DIR",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Write a file there instead of printing it.",
        ),
        click.option(
            "--active", metavar="SERVER", help="Who is active (default: the first of the manifest)."
        ),
        click.option("--site", metavar="NAME", help="Whose clients, with `tuning.clientOrder: site`."),
        click.option(
            "--cluster", "cluster_name", metavar="NAME", help="Which one, where the manifest has several."
        ),
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
    cluster = _choose(load_manifests((manifest,)).clusters, cluster_name)
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
    cluster = _choose(load_manifests((manifest,)).clusters, cluster_name)
    _render(cluster, active, site, SettingsFormat.TASK_PROLOG, folder)


def _render(
    cluster: Cluster, active: str | None, site: str | None, form: SettingsFormat, folder: Path | None
) -> None:
    server = cluster.servers[0] if active is None else cluster.find(active)
    if server is None:
        names = ", ".join(each.name for each in cluster.servers)
        raise _not_found(f"no server {active} in {cluster.name}; there are: {names}")
    text = render_settings(settings_for(cluster, server.name, site=site), form)
    if cluster.load_balancer is None and not lists_all(cluster):
        click.echo("the active server alone is named: clientSettings has the daemon write it anew", err=True)
    if folder is None:
        click.echo(text, nl=False)
        return
    path = folder / _ENDINGS[form]
    write_for_somebody(path, text, mode=file_mode(form))
    click.echo(f"{path} is written", err=True)


def _choose(clusters: tuple[Cluster, ...], name: str | None) -> Cluster:
    known = ", ".join(cluster.name for cluster in clusters) or "none"
    for cluster in clusters:
        if name in {None, cluster.name} and (name is not None or len(clusters) == 1):
            return cluster
    if name is None:
        raise click.UsageError(f"the manifest has {len(clusters)} clusters ({known}): say which by --cluster")
    raise _not_found(f"no cluster {name} in the manifest; there is: {known}")


def _not_found(message: str) -> ApiError:
    return ApiError(message, status=None, exit_code=ExitCode.NOT_FOUND)
