"""What the `render` commands share: which cluster and server of a manifest is meant, and where files go."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ApiError
from rlm_exporter.manifest.model import Cluster, Server

MANIFEST = click.Path(exists=True, path_type=Path)

cluster_option = click.option(
    "--cluster", "cluster_name", metavar="NAME", help="Which one, where the manifest has several."
)
output_option = click.option(
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write files there instead of printing them.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One file's text; `mode` is that of a new file."""

    text: str
    mode: int = 0o644


def choose_cluster(clusters: tuple[Cluster, ...], name: str | None) -> Cluster:
    """The one of that name, or the only one. Raises ApiError and UsageError."""
    known = ", ".join(cluster.name for cluster in clusters) or "none"
    if name is not None:
        for cluster in clusters:
            if cluster.name == name:
                return cluster
        raise not_found(f"no cluster {name} in the manifest; there is: {known}")
    if len(clusters) != 1:
        raise click.UsageError(f"the manifest has {len(clusters)} clusters ({known}): say which by --cluster")
    return clusters[0]


def choose_server(cluster: Cluster, word: str) -> Server:
    """The server of that name or host. Raises ApiError."""
    server = cluster.find(word)
    if server is None:
        names = ", ".join(each.name for each in cluster.servers)
        raise not_found(f"no server {word} in {cluster.name}; there are: {names}")
    return server


def not_found(message: str) -> ApiError:
    """A name that nothing has."""
    return ApiError(message, status=None, exit_code=ExitCode.NOT_FOUND)


def give(files: Mapping[str, Rendered], folder: Path | None) -> None:
    """Print what there is, several files each under its name, or write them all into the folder."""
    for name, file in files.items():
        if folder is None:
            click.echo((f"# {name}\n" if len(files) > 1 else "") + file.text, nl=False)
            continue
        path = folder / name
        write_for_somebody(path, file.text, mode=file.mode)
        click.echo(f"{path} is written", err=True)
