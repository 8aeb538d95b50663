"""From snapshots to the page's lines, keeping what did not change.

A server's part of a snapshot is replaced and never edited, so its lines stay good for as long as that
very object is in the snapshot. What is not in the newest snapshots is dropped, so nothing lingers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.cluster_lines import cluster_lines
from rlm_exporter.metrics.facts import ClusterFacts, Reading
from rlm_exporter.metrics.license_lines import license_lines
from rlm_exporter.metrics.lines import Lines
from rlm_exporter.metrics.server_lines import server_lines
from rlm_exporter.probe.snapshot import ServerSnapshot

Chunks = Mapping[str, str]
RenderServer = Callable[[ServerSnapshot, Cluster], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    part: ServerSnapshot
    cluster: Cluster
    chunks: Mapping[str, str]
    files: Mapping[str, str]
    """Of the license files, which are read far less often."""

    def is_of(self, part: ServerSnapshot, cluster: Cluster) -> bool:
        return self.part is part and self.cluster is cluster

    def has_files_of(self, part: ServerSnapshot, cluster: Cluster) -> bool:
        return self.part.license_files is part.license_files and self.cluster is cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedCluster:
    """One cluster's lines, for `text.page`."""

    facts: ClusterFacts
    """What they were made from."""
    whole: Chunks
    """All that belongs to no single server's part of the snapshot."""
    servers: Mapping[str, tuple[Chunks, ...]]
    """The rest by server, in the manifest's order."""

    @property
    def parts(self) -> tuple[Chunks, ...]:
        """All of it."""
        return (self.whole, *(chunks for server in self.servers.values() for chunks in server))


class Exposition:
    """Renders clusters to lines; holds the lines that it rendered last."""

    def __init__(self, *, render_server: RenderServer = server_lines) -> None:
        self._render_server = render_server
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._clusters: dict[str, tuple[ClusterFacts, Mapping[str, str]]] = {}

    def render(self, clusters: tuple[ClusterFacts, ...]) -> tuple[RenderedCluster, ...]:
        """These clusters, in the order of the manifest."""
        kept: dict[tuple[str, str], _Kept] = {}
        self._clusters = {facts.cluster.name: self._cluster(facts) for facts in clusters}
        for facts in clusters:
            for part in facts.snapshot.servers:
                kept[facts.cluster.name, part.server] = self._server(part, facts.cluster)
        self._kept = kept
        return tuple(self._rendered(facts) for facts in clusters)

    def _rendered(self, facts: ClusterFacts) -> RenderedCluster:
        name = facts.cluster.name
        servers = ((part.server, self._kept[name, part.server]) for part in facts.snapshot.servers)
        return RenderedCluster(
            facts=facts,
            whole=self._clusters[name][1],
            servers={server: (kept.chunks, kept.files) for server, kept in servers},
        )

    def _cluster(self, facts: ClusterFacts) -> tuple[ClusterFacts, Mapping[str, str]]:
        kept = self._clusters.get(facts.cluster.name)
        return kept if kept is not None and kept[0] is facts else (facts, cluster_lines(facts))

    def _server(self, part: ServerSnapshot, cluster: Cluster) -> _Kept:
        kept = self._kept.get((cluster.name, part.server))
        if kept is not None and kept.is_of(part, cluster):
            return kept
        return _Kept(
            part=part,
            cluster=cluster,
            chunks=self._render_server(part, cluster),
            files=kept.files
            if kept is not None and kept.has_files_of(part, cluster)
            else license_lines(part, cluster),
        )


def exporter_lines(
    *,
    version: str,
    python_version: str,
    watchdog_seen_at: datetime | None,
    reading: Reading | None = None,
) -> Mapping[str, str]:
    """What the page says of the exporter itself."""
    lines = Lines()
    lines.add(f.BUILD_INFO, 1, version, python_version)
    if watchdog_seen_at is not None:
        lines.add(f.HA_WATCHDOG, watchdog_seen_at.timestamp())
    if reading is not None:
        lines.add(f.CONFIG_RELOAD_SUCCESSFUL, reading.is_current)
    if reading is not None and reading.at is not None:
        lines.add(f.CONFIG_RELOADED, reading.at.timestamp())
    return lines.chunks()
