"""The one cluster of a manifest that a command is about."""

from pathlib import Path

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.errors import ApiError
from rlm_exporter.manifest.model import Cluster


def load_cluster(manifest: Path, name: str | None) -> Cluster:
    """The cluster of that name, or the only one. Raises ManifestError, ApiError and UsageError."""
    from rlm_exporter.manifest.load import load_manifests  # noqa: PLC0415 - --help needs no manifest

    clusters = load_manifests((manifest,)).clusters
    known = ", ".join(cluster.name for cluster in clusters) or "none"
    if name is None and len(clusters) != 1:
        raise click.UsageError(f"the manifest has {len(clusters)} clusters ({known}): say which by --cluster")
    for cluster in clusters:
        if name in {None, cluster.name}:
            return cluster
    raise ApiError(
        f"no cluster {name} in the manifest; there is: {known}", status=None, exit_code=ExitCode.NOT_FOUND
    )
