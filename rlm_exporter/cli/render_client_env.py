"""`rlm-ha render client-env MANIFEST`: what clients of a cluster need in their environment."""

from pathlib import Path

import click

from rlm_exporter.cli.render_input import choose_cluster, choose_server, cluster_option
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.manifest.model import SettingsFormat
from rlm_exporter.render.client_settings import lists_all, render_settings, settings_for

_ENDINGS = {
    SettingsFormat.SH: "rlm.sh",
    SettingsFormat.POWERSHELL: "rlm.ps1",
    SettingsFormat.MODULEFILE: "rlm",
    SettingsFormat.TASK_PROLOG: "rlm-task-prolog",
}


@click.command("client-env")
@click.argument("manifest", type=click.Path(exists=True, path_type=Path))
@cluster_option
@click.option("--active", metavar="SERVER", help="Who is active (default: the first of the manifest).")
@click.option(
    "--format", "form", type=click.Choice([form.value for form in SettingsFormat]),
    default=SettingsFormat.SH.value, show_default=True,
    help="For a Unix shell, PowerShell, environment modules, or Slurm's TaskProlog.",
)  # fmt: skip
@click.option(
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write a file there instead of printing it.",
)
def client_env_command(
    manifest: Path, *, cluster_name: str | None, active: str | None, form: str, folder: Path | None
) -> None:
    """Render RLM_LICENSE, <isv>_LICENSE and RLM_CONNECT_TIMEOUT for a cluster's clients.

    With a load balancer they name it alone. Without one they name the active server, or all with that one
    first where RLM itself moves the licenses. With `clientSettings` in the manifest the daemon writes this at
    each move.
    """
    cluster = choose_cluster(load_manifests((manifest,)).clusters, cluster_name)
    server = cluster.servers[0] if active is None else choose_server(cluster, active)
    text = render_settings(settings_for(cluster, server.name), SettingsFormat(form))
    if cluster.load_balancer is None and not lists_all(cluster):
        click.echo("the active server alone is named: clientSettings has the daemon write it anew", err=True)
    if folder is None:
        click.echo(text, nl=False)
        return
    path = folder / _ENDINGS[SettingsFormat(form)]
    write_for_somebody(path, text, mode=0o755 if form == SettingsFormat.TASK_PROLOG else 0o644)
    click.echo(f"{path} is written", err=True)
