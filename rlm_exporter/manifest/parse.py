"""Texts of manifests to clusters, with every problem of all of them at once (pure)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlm_exporter.manifest.build import build_cluster, build_config
from rlm_exporter.manifest.build_dashboard import build_dashboard
from rlm_exporter.manifest.check_balancer import check_balancer
from rlm_exporter.manifest.check_dashboard import check_dashboard
from rlm_exporter.manifest.check_files import check_files
from rlm_exporter.manifest.check_policy import check_policy, check_settings
from rlm_exporter.manifest.check_servers import Timezones, check_servers
from rlm_exporter.manifest.document import Document, Part, Problem, shown
from rlm_exporter.manifest.model import ExporterConfig, Loaded
from rlm_exporter.manifest.nodes import read_documents
from rlm_exporter.manifest.reading import isv_spellings
from rlm_exporter.manifest.shape import MOST_PROBLEMS, check_shape, closest, validator

MOST_BYTES = 1024 * 1024
CLUSTER, CONFIG, DASHBOARD = "LicenseServer", "ExporterConfig", "Dashboard"
KINDS = (CLUSTER, CONFIG, DASHBOARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was read, and everything that is wrong; `loaded` is None as soon as anything is."""

    loaded: Loaded | None
    problems: tuple[Problem, ...]

    def having(self, problems: Sequence[Problem]) -> "Findings":
        """The same with problems from before the reading."""
        return Findings(loaded=None, problems=(*problems, *self.problems)) if problems else self


def examine(
    texts: Iterable[tuple[str, str | bytes]],
    *,
    deployed: Iterable[tuple[str, str | bytes]] | None = None,
    schema: Mapping[str, Any],
    timezones: Timezones,
) -> Findings:
    """Read (source, text) pairs together: names, and what the daemon's settings say, hold across them.

    Clusters of `deployed` give way to those of the same name in the other texts. Where such are given, be it
    none, more may come: a load balancer may then wait for a cluster that is not there yet.
    """
    problems: list[Problem] = []
    documents: list[Document] = []
    order: list[str] = []
    giving = tuple(deployed or ())
    giving_way = {source for source, _ in giving}
    for source, raw in (*texts, *giving):
        order.append(source)
        read, wrong = _read(source, raw)
        documents += read
        problems += wrong
    shaped: dict[str, list[Document]] = {kind: [] for kind in KINDS}
    validators = {kind: validator(schema, kind) for kind in KINDS}
    for document in documents:
        kind, wrong = _kind(document.root)
        problems += wrong
        if kind is not None:
            found, checked = check_shape(document, validators[kind])
            problems += found
            shaped[kind].append(checked)
    clusters, configs, dashboards = ([document.root for document in shaped[kind]] for kind in KINDS)
    clusters = _without_doubles(clusters, giving_way)
    problems += _check_together(clusters, configs, timezones, more_may_come=deployed is not None)
    problems += _check_dashboards(dashboards)
    if problems:
        return Findings(loaded=None, problems=_ordered(problems, order))
    return Findings(loaded=_build(clusters, configs, dashboards), problems=())


def _without_doubles(clusters: list[Part], giving_way: set[str]) -> list[Part]:
    staying = {
        cluster.at("metadata", "name").text
        for cluster in clusters
        if cluster.document.source not in giving_way
    }
    return [
        cluster
        for cluster in clusters
        if cluster.document.source not in giving_way or cluster.at("metadata", "name").text not in staying
    ]


def _read(source: str, raw: str | bytes) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    text = _decoded(raw)
    if isinstance(text, str):
        documents, problems = read_documents(text, source)
        if documents or problems:
            return documents, problems
        text = _Refusal("is empty; write a document of kind LicenseServer into it")
    return (), (Problem(source=source, line=text.line, text=text.text),)


@dataclass(frozen=True, slots=True)
class _Refusal:
    text: str
    line: int | None = None


def _decoded(raw: str | bytes) -> str | _Refusal:
    if len(raw) > MOST_BYTES:
        return _Refusal(f"is larger than {MOST_BYTES // 1024} KiB; this is no manifest")
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _Refusal("is not UTF-8 text from here on; save the file as UTF-8", line)


_MANAGED = "v1"
_MANAGED_TEXT = (
    "v1 is the shape for license servers that Vantage manages itself; "
    "write licensing.vantage.com/v1 and list the servers under spec.highAvailability"
)


def _kind(root: Part) -> tuple[str | None, tuple[Problem, ...]]:
    """Which kind of document this is; None where its form cannot be judged."""
    if not isinstance(root.value, Mapping):
        text = "is not a mapping; write keys (apiVersion:, kind:, metadata:, spec:) at the left margin"
        return None, (root.problem(text),)
    kind, version = root.at("kind"), root.at("apiVersion")
    if kind.text in KINDS and not (kind.text == CLUSTER and version.text == _MANAGED):
        return kind.text, ()
    if kind.text == CLUSTER:
        return None, (version.problem(_MANAGED_TEXT),)
    advice = f"write {CLUSTER} for a cluster, {CONFIG} for the daemon's settings, or {DASHBOARD}"
    if not kind.is_given:
        return None, (kind.problem(f"is missing; {advice}"),)
    meant = closest(kind.text, KINDS) if kind.text else None
    advice = f"did you mean {meant}?" if meant else advice
    return None, (kind.problem(f"{shown(kind.value)} is not a kind that is known here; {advice}"),)


def _check_together(
    clusters: list[Part], configs: list[Part], timezones: Timezones, *, more_may_come: bool
) -> Iterator[Problem]:
    yield from _check_names(clusters, "cluster")
    for config in configs[1:]:
        first = configs[0]
        where = f"{first.document.source}:{first.line}"
        yield config.problem(f"a second {CONFIG}, the first is in {where}; keep one")
    for cluster in clusters:
        yield from check_servers(cluster, timezones)
        yield from check_files(cluster)
        yield from check_policy(cluster)
        balancer = _own_balancer(cluster)
        if balancer.is_given:
            yield from check_balancer(balancer, cluster)
    by_name = _by_name(clusters)
    yield from _check_shared(_all_balancers(clusters, configs))
    for config in configs:
        yield from check_settings(config)
        yield from _check_attached(config, by_name, more_may_come=more_may_come)


def _check_dashboards(dashboards: list[Part]) -> Iterator[Problem]:
    yield from _check_names(dashboards, "dashboard")
    for dashboard in dashboards:
        yield from check_dashboard(dashboard)


def _check_names(documents: list[Part], what: str) -> Iterator[Problem]:
    taken: dict[str, Part] = {}
    for document in documents:
        name = document.at("metadata", "name")
        if name.text is None:
            continue
        first = taken.setdefault(name.text, name)
        if first is not name:
            where = f"{first.document.source}:{first.line}"
            yield name.problem(f"{name.text} is also the {what} in {where}; give each a name of its own")


def _check_attached(config: Part, by_name: Mapping[str, Part], *, more_may_come: bool) -> Iterator[Problem]:
    for balancer in config.at("spec", "loadBalancers").children():
        cluster = by_name.get(balancer.name)
        if cluster is None and more_may_come:
            continue
        if cluster is None:
            known = ", ".join(sorted(by_name)) or "none"
            yield balancer.problem(f"there is no cluster of this name; known: {known}")
        elif _own_balancer(cluster).is_given or _own_balancer(cluster).is_broken:
            where = f"{cluster.document.source}:{_own_balancer(cluster).line}"
            yield balancer.problem(
                f"the cluster has a load balancer of its own in {where}; keep one of the two"
            )
        else:
            yield from check_balancer(balancer, cluster)


def _all_balancers(clusters: list[Part], configs: list[Part]) -> Iterator[Part]:
    for cluster in clusters:
        yield _own_balancer(cluster)
    for config in configs:
        yield from config.at("spec", "loadBalancers").children()


def _check_shared(balancers: Iterator[Part]) -> Iterator[Problem]:
    """Two controllers would steer against each other: one HAProxy carries one cluster."""
    taken: dict[str, tuple[Part, Part]] = {}
    for balancer in balancers:
        for haproxy in balancer.at("haproxy").children():
            url = haproxy.at("url")
            if url.text is None:
                continue
            whose, first = taken.setdefault(url.text, (balancer, url))
            if whose is not balancer:
                where = f"{first.document.source}:{first.line}"
                text = f"another cluster steers this HAProxy already, in {where}; give each one of its own"
                yield url.problem(text)


def _own_balancer(cluster: Part) -> Part:
    return cluster.at("spec", "loadBalancer")


def _by_name(clusters: list[Part]) -> dict[str, Part]:
    names = ((cluster.at("metadata", "name").text, cluster) for cluster in clusters)
    return {name: cluster for name, cluster in names if name}


def _build(clusters: list[Part], configs: list[Part], dashboards: list[Part]) -> Loaded:
    by_name = _by_name(clusters)
    built = []
    for name, cluster in by_name.items():
        attached = [config.at("spec", "loadBalancers", name) for config in configs]
        given = [part for part in (_own_balancer(cluster), *attached) if part.is_given]
        built.append(build_cluster(cluster, given[0] if given else _own_balancer(cluster)))
    spellings = {name: isv_spellings(cluster) for name, cluster in by_name.items()}
    return Loaded(
        clusters=tuple(built),
        config=build_config(configs[0], spellings) if configs else ExporterConfig(),
        dashboards=tuple(build_dashboard(dashboard) for dashboard in dashboards),
        documents={name: cluster.value for name, cluster in by_name.items()},
        attached={
            balancer.name: balancer.value
            for config in configs
            for balancer in config.at("spec", "loadBalancers").children()
        },
    )


def _ordered(problems: Iterable[Problem], sources: Sequence[str]) -> tuple[Problem, ...]:
    """By file in the order read, then by line; each once."""
    places = {source: place for place, source in enumerate(sources)}
    unique = dict.fromkeys(problems)
    ordered = sorted(unique, key=lambda p: (places[p.source], p.line or 0, p.dotted))
    if len(ordered) > MOST_PROBLEMS:
        text = f"and {len(ordered) - MOST_PROBLEMS} problems more; mend these first"
        return (*ordered[:MOST_PROBLEMS], Problem(source=sources[-1], line=None, text=text))
    return tuple(ordered)
