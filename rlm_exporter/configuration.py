"""What the daemon is to look after: the manifests of its files and those in its store, read together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from rlm_exporter.errors import ManifestError
from rlm_exporter.manifest.deployment import Kept, Owner
from rlm_exporter.manifest.document import Value
from rlm_exporter.manifest.load import examine_texts, read_texts
from rlm_exporter.manifest.model import Cluster, ExporterConfig, Loaded
from rlm_exporter.manifest.parse import Findings
from rlm_exporter.manifest.reach import drift_reaches, reaches
from rlm_exporter.manifest.writing import written_document
from rlm_exporter.store.manifest_records import DeployedManifest

Text = tuple[str, str | bytes]
"""A source's name and what stands in it."""
Troubles = Mapping[str, tuple[str, ...]]
"""What is wrong with clusters, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One reading, in which nothing is wrong."""

    config: ExporterConfig
    clusters: Mapping[str, Cluster]
    kept: Mapping[str, Kept]
    files: tuple[Text, ...]
    """The files' texts, to be read again together with others."""
    shadowed: tuple[str, ...] = ()
    """Clusters of the store that stand in a file too: the file's count."""
    spoilt: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Clusters of the store whose manifests cannot be used any more, and what is wrong with them."""

    def without(
        self, troubles: Mapping[str, tuple[str, ...]], running: Mapping[str, Cluster]
    ) -> "Configuration":
        """The same without what cannot be as it stands there: those clusters stay as they run, or do not."""
        stay = {name: running[name] for name in troubles if name in running}
        rest = {name: each for name, each in self.clusters.items() if name not in troubles}
        return replace(self, clusters={**rest, **stay}, spoilt={**self.spoilt, **troubles})

    @property
    def waiting(self) -> tuple[str, ...]:
        """Load balancers of the daemon's settings that no cluster has, which may be a slip of the pen."""
        return tuple(name for name, _ in self.config.load_balancers if name not in self.clusters)


NOTHING = Configuration(config=ExporterConfig(), clusters={}, kept={}, files=())
"""Before anything was read."""


def read_configuration(paths: Iterable[Path], deployed: Sequence[DeployedManifest]) -> Configuration:
    """Read the files, and what is in the store with them. Raises ManifestError for what is wrong in files."""
    texts, problems = read_texts(paths)
    if problems:
        raise ManifestError(tuple(str(problem) for problem in problems))
    return configuration_of(tuple(texts), deployed)


def configuration_of(files: tuple[Text, ...], deployed: Sequence[DeployedManifest]) -> Configuration:
    """The same of texts that were read before. What is wrong in the store alone is left out and told."""
    named = {name_of(each): each for each in deployed}
    together = _examined(files, named)
    if together.loaded is not None:
        return _configuration(together.loaded, files, named, {})
    alone = examine_texts(files, deployed=())
    if alone.loaded is None:
        raise ManifestError(_told(alone))
    return _sorted_out(alone.loaded, files, named)


def _sorted_out(
    loaded: Loaded, files: tuple[Text, ...], named: Mapping[str, DeployedManifest]
) -> Configuration:
    """Those of the store that fit what was there before them; of the others it is told why not.

    A reading costs as much as there is to read, so only what is wrong together is searched for by halves.
    """
    spoilt = _wrong_alone(files, named)
    good: dict[str, DeployedManifest] = {}
    waiting = [tuple((name, each) for name, each in named.items() if name not in spoilt)]
    while waiting:
        part = waiting.pop()
        findings = _examined(files, {**good, **dict(part)})
        if findings.loaded is not None:
            loaded, good = findings.loaded, {**good, **dict(part)}
        elif len(part) == 1:
            spoilt[part[0][0]] = _told(findings)
        else:
            # What stands first is judged first: of two that contradict each other the later one is wrong.
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
    by_cluster = {each.cluster: spoilt[name] for name, each in named.items() if name in spoilt}
    return _configuration(loaded, files, good, by_cluster)


def _wrong_alone(
    files: tuple[Text, ...], named: Mapping[str, DeployedManifest]
) -> dict[str, tuple[str, ...]]:
    """Those with which something is wrong whatever else is in the store, which is most that ever are."""
    wrong = {}
    for name, each in named.items():
        if _examined((), {name: each}).loaded is not None:
            continue
        findings = _examined(files, {name: each})
        if findings.loaded is None:  # a file's cluster of the same name covers much of what is wrong with it
            wrong[name] = _told(findings)
    return wrong


def _told(findings: Findings) -> tuple[str, ...]:
    return tuple(str(problem) for problem in findings.problems)


def _examined(files: tuple[Text, ...], named: Mapping[str, DeployedManifest]) -> Findings:
    return examine_texts(files, deployed=[(name, each.document) for name, each in named.items()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A text that is to be deployed, read with all that stays."""

    configuration: Configuration
    """As it would be. Clusters of files are in it as the files have them."""
    clusters: Mapping[str, Cluster]
    """Those of the text alone, without a balancer that stands in the daemon's settings."""
    documents: Mapping[str, Value]


def plan_of(
    text: Text, *, files: tuple[Text, ...], deployed: Sequence[DeployedManifest], now: datetime, by: str
) -> Plan:
    """What a text would make of the configuration. Raises ManifestError with every problem of the text."""
    alone = examine_texts([text], deployed=())
    if alone.loaded is None:
        raise ManifestError(_told(alone))
    if alone.loaded.config.source is not None:
        told = "the daemon's own settings are not deployed; they stand in the file that it is started with"
        raise ManifestError((f"{text[0]}: kind: {told}",))
    if alone.loaded.dashboards:
        told = "a dashboard is not deployed; `rlm-ha render dashboard` makes of it what Grafana imports"
        raise ManifestError((f"{text[0]}: kind: {told}",))
    documents = alone.loaded.documents
    staying = [each for each in deployed if each.cluster not in documents]
    before = {each.cluster: each for each in deployed}
    new = [
        _next(name, written_document(document), before.get(name), now=now, by=by)
        for name, document in documents.items()
    ]
    configuration = configuration_of(files, [*staying, *new])
    wrong = [line for name in documents for line in configuration.spoilt.get(name, ())]
    if wrong:
        raise ManifestError(tuple(wrong))
    clusters = {cluster.name: cluster for cluster in alone.loaded.clusters}
    return Plan(configuration=configuration, clusters=clusters, documents=documents)


def _next(
    name: str, document: str, before: DeployedManifest | None, *, now: datetime, by: str
) -> DeployedManifest:
    revision = 1 if before is None else before.revision + 1
    return DeployedManifest(
        cluster=name, document=document, revision=revision, deployed_at=now, deployed_by=by
    )


def name_of(deployed: DeployedManifest) -> str:
    """What the store's manifest is called in messages."""
    return f"deployed:{deployed.cluster}"


def _configuration(
    loaded: Loaded,
    files: tuple[Text, ...],
    named: Mapping[str, DeployedManifest],
    spoilt: Mapping[str, tuple[str, ...]],
) -> Configuration:
    clusters = {cluster.name: cluster for cluster in loaded.clusters}
    attached = dict(loaded.config.load_balancers)
    for name in [name for name, cluster in clusters.items() if cluster.source in named]:
        reaching = reaches(clusters[name], loaded.config.deploy, is_attached=name in attached)
        if reaching:
            spoilt = {**spoilt, name: tuple(f"{clusters[name].source}: {line}" for line in reaching)}
            del clusters[name]
        elif drift_reaches(clusters[name], loaded.config.deploy):
            clusters[name] = replace(clusters[name], license_drift=None)
    return Configuration(
        config=loaded.config,
        clusters=clusters,
        kept={name: _kept(cluster, loaded, named.get(cluster.source)) for name, cluster in clusters.items()},
        files=files,
        shadowed=tuple(
            each.cluster
            for name, each in named.items()
            if each.cluster in clusters and clusters[each.cluster].source != name
        ),
        spoilt=spoilt,
    )


def _kept(cluster: Cluster, loaded: Loaded, stored: DeployedManifest | None) -> Kept:
    document, attached = loaded.documents[cluster.name], loaded.attached.get(cluster.name)
    if stored is None:
        return Kept(
            cluster=cluster.name,
            owner=Owner.FILE,
            source=cluster.source,
            document=document,
            attached=attached,
        )
    return Kept(
        cluster=cluster.name,
        owner=Owner.STORE,
        source=cluster.source,
        document=document,
        attached=attached,
        revision=stored.revision,
        deployed_at=stored.deployed_at,
        deployed_by=stored.deployed_by,
    )
