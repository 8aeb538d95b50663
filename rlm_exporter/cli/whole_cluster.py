"""A cluster as the daemon has it: its manifest, with a load balancer that the daemon's settings attach."""

from rlm_exporter.cli.client import Client
from rlm_exporter.errors import ConfigurationError
from rlm_exporter.manifest.model import Cluster


def whole_cluster(client: Client, name: str) -> Cluster:
    """Raises ApiError, and ConfigurationError where the daemon does not tell all."""
    cluster = as_told(client, name)
    if cluster.load_balancer is None and client.cluster(name).value.balancers:
        raise ConfigurationError(
            f"the balancer of {name} stands in the daemon's own settings, which this older daemon does not "
            "tell; give the files that it is started with"
        )
    return cluster


def as_told(client: Client, name: str) -> Cluster:
    """The same; of an older daemon perhaps without the balancer. Raises ApiError."""
    from rlm_exporter.manifest.load import parse_manifests  # noqa: PLC0415 - --help needs no manifest

    kept = client.manifest(name).value
    text = kept.manifest if kept.attached is None else f"{kept.manifest}\n---\n{kept.attached}"
    (cluster,) = parse_manifests(text, "the daemon's manifest").clusters
    return cluster
