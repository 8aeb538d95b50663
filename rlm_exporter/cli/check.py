"""`rlm-ha check FILE…`: every problem of manifests and the daemon's settings, with its place."""

from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import Format, current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.manifest.dashboard import Dashboard
from rlm_exporter.manifest.model import Cluster, Loaded
from rlm_exporter.manifest.notes import notes

if TYPE_CHECKING:
    from rlm_exporter.manifest.document import Problem
    from rlm_exporter.manifest.parse import Findings


@click.command("check")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def check_command(files: tuple[Path, ...]) -> int:
    """Check manifests and the daemon's settings, without starting anything.

    FILEs are read together; a directory stands for its *.yaml and *.yml. Exit code 1 when anything is wrong.

    \b
    Examples:
      rlm-ha check rlm-ha-cluster.yaml
    """
    from rlm_exporter.manifest.load import examine_files  # noqa: PLC0415 - --help needs no manifest

    findings, manners = examine_files(files), current_manners()
    if manners.output is not Format.TABLE:
        emit(_report(findings), tuple, manners=manners)
    elif findings.loaded is not None:
        _print_loaded(findings.loaded)
    else:
        # Not a table: an editor or a shell finds FILE:LINE: at the start of whole lines only.
        for problem in findings.problems:
            click.echo(printable(str(problem)))
    return ExitCode.DONE if findings.loaded is not None else ExitCode.FAILED


def _print_loaded(loaded: Loaded) -> None:
    for cluster in loaded.clusters:
        servers = _counted(cluster.servers, "server")
        click.echo(f"{cluster.source}: valid: cluster {cluster.name}, {servers}")
        for note in notes(cluster):
            click.echo(f"{cluster.source}: note: {note}", err=True)
    if loaded.config.source is not None:
        click.echo(f"{loaded.config.source}: valid: the daemon's settings")
    for dashboard in loaded.dashboards:
        panels, alerts = _counted(dashboard.panels, "panel"), _counted(dashboard.alerts, "alert")
        click.echo(f"{dashboard.source}: valid: dashboard {dashboard.name}, {panels}, {alerts}")


def _counted(things: Sized, word: str) -> str:
    return f"1 {word}" if len(things) == 1 else f"{len(things)} {word}s"


def _report(findings: "Findings") -> dict[str, Any]:
    loaded = findings.loaded
    return {
        "valid": loaded is not None,
        "problems": [_problem(problem) for problem in findings.problems],
        "clusters": [] if loaded is None else [_cluster(cluster) for cluster in loaded.clusters],
        "settings": None if loaded is None else loaded.config.source,
        "dashboards": [] if loaded is None else [_dashboard(each) for each in loaded.dashboards],
    }


def _problem(problem: "Problem") -> dict[str, Any]:
    return {
        "source": problem.source,
        "line": problem.line,
        "path": problem.dotted or None,
        "text": problem.text,
    }


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "name": dashboard.name,
        "source": dashboard.source,
        "panels": len(dashboard.panels),
        "alerts": len(dashboard.alerts),
    }


def _cluster(cluster: Cluster) -> dict[str, Any]:
    return {
        "name": cluster.name,
        "source": cluster.source,
        "servers": [server.name for server in cluster.servers],
        "notes": list(notes(cluster)),
    }
