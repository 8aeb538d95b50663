"""`rlm-ha check FILE…`: every problem of manifests and the daemon's settings, with its place."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlm_exporter.manifest.model import Cluster, Loaded
from rlm_exporter.manifest.notes import notes

if TYPE_CHECKING:
    from rlm_exporter.manifest.parse import Findings


@click.command("check")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "-j", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def check_command(context: click.Context, files: tuple[Path, ...], *, as_json: bool) -> None:
    """Check manifests and the daemon's settings, without starting anything.

    FILEs are read together, a directory stands for its *.yaml and *.yml. Exit code 1 when anything is wrong.
    """
    from rlm_exporter.manifest.load import examine_files  # noqa: PLC0415 - other commands need no YAML

    findings = examine_files(files)
    if as_json:
        click.echo(json.dumps(_report(findings), indent=2))
    elif findings.loaded is None:
        for problem in findings.problems:
            click.echo(str(problem))
    else:
        _print_loaded(findings.loaded)
    context.exit(0 if findings.loaded is not None else 1)


def _print_loaded(loaded: Loaded) -> None:
    for cluster in loaded.clusters:
        count = len(cluster.servers)
        click.echo(f"{cluster.source}: valid: cluster {cluster.name}, {count} server{'s'[: count != 1]}")
        for note in notes(cluster):
            click.echo(f"{cluster.source}: note: {note}", err=True)
    if loaded.config is not None:
        click.echo(f"{loaded.config.source}: valid: the daemon's settings")


def _report(findings: "Findings") -> dict[str, Any]:
    loaded = findings.loaded
    return {
        "valid": loaded is not None,
        "problems": [
            {"source": p.source, "line": p.line, "path": p.dotted or None, "text": p.text}
            for p in findings.problems
        ],
        "clusters": [] if loaded is None else [_cluster(cluster) for cluster in loaded.clusters],
        "settings": None if loaded is None or loaded.config is None else loaded.config.source,
    }


def _cluster(cluster: Cluster) -> dict[str, Any]:
    return {
        "name": cluster.name,
        "source": cluster.source,
        "servers": [server.name for server in cluster.servers],
        "notes": list(notes(cluster)),
    }
