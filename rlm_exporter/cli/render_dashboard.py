"""`rlm-ha render dashboard|rules FILE`: a document of kind Dashboard for Grafana and Prometheus."""

from collections.abc import Iterable
from pathlib import Path

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ApiError, ConfigurationError
from rlm_exporter.manifest.dashboard import Dashboard
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.render.alert_rules import render_rules, rule_notes
from rlm_exporter.render.grafana import dashboard_notes, render_dashboard

_file = click.argument("file", type=click.Path(exists=True, path_type=Path))
_name = click.option("--name", metavar="NAME", help="Which dashboard, where the file has several.")
_output = click.option(
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write a file there instead of printing it.",
)


@click.command("dashboard")
@_file
@_name
@_output
def dashboard_command(file: Path, *, name: str | None, folder: Path | None) -> None:
    """Render a dashboard for Grafana from a document of kind Dashboard.

    Queries and legends go to Grafana as they are written. Import the JSON, or put it where Grafana's
    provisioning looks.

    \b
    Examples:
      rlm-ha render dashboard dashboard.yaml > licenses.json
    """
    chosen = _choose(load_manifests((file,)).dashboards, name)
    _tell(dashboard_notes(chosen))
    _give(render_dashboard(chosen), f"{chosen.name}.json", folder)


@click.command("rules")
@_file
@_name
@_output
def rules_command(file: Path, *, name: str | None, folder: Path | None) -> None:
    """Render rules for Prometheus from the alerts of a document of kind Dashboard.

    \b
    Examples:
      rlm-ha render rules dashboard.yaml > licenses.yml
    """
    chosen = _choose(load_manifests((file,)).dashboards, name)
    if not chosen.alerts:
        raise ConfigurationError(
            f"{chosen.source}: {chosen.name} has no alerts: write them under spec.alerts"
        )
    _tell(rule_notes(chosen))
    _give(render_rules(chosen), f"{chosen.name}.yml", folder)


def _choose(dashboards: tuple[Dashboard, ...], name: str | None) -> Dashboard:
    known = ", ".join(dashboard.name for dashboard in dashboards) or "none"
    chosen = [dashboard for dashboard in dashboards if name in {None, dashboard.name}]
    if len(chosen) == 1:
        return chosen[0]
    if name is not None or not dashboards:
        wanted = f"no dashboard {name}" if name is not None else "no document of kind Dashboard"
        message = f"{wanted} in the file; there is: {known}"
        raise ApiError(message, status=None, exit_code=ExitCode.NOT_FOUND)
    raise click.UsageError(f"the file has {len(dashboards)} dashboards ({known}): say which by --name")


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)


def _give(text: str, name: str, folder: Path | None) -> None:
    if folder is None:
        click.echo(text, nl=False)
        return
    path = folder / name
    write_for_somebody(path, text)
    click.echo(f"{path} is written", err=True)
