"""Prometheus: are our rules loaded, does it scrape this cluster, does it know an Alertmanager?"""

from collections.abc import Iterator
from typing import Any

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.site import Site
from rlm_exporter.doctor.web import ask, without_password
from rlm_exporter.errors import ProbeError
from rlm_exporter.render.shipped import rule_files

ABOUT = About(
    name="prometheus", looks_at="rules, the cluster's series and Alertmanagers of Prometheus (--prometheus)"
)
NEEDED = frozenset({"cluster.yml", "exporter.yml", "failover.yml"})
"""Rules without which nobody hears that nobody is served, or that nothing would be moved."""


async def examine(site: Site) -> Outcome:
    """Through its HTTP API."""
    url = site.asked.prometheus
    if url is None:
        return Skipped(why="say where it is by --prometheus")
    url = url.rstrip("/")
    shown = without_password(url)
    name = site.cluster.name
    try:
        rules = (await ask(f"{url}/api/v1/rules", type="alert"))["data"]["groups"]
        query = f'rlm_cluster_healthy_servers{{cluster="{name}"}}'
        series = (await ask(f"{url}/api/v1/query", query=query))["data"]["result"]
        managers = (await ask(f"{url}/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]
        return tuple(_judge(shown, name, rules, series, managers))
    except (ProbeError, KeyError, TypeError) as problem:
        return (
            error(
                shown,
                f"Prometheus cannot be asked: {_words(problem)}",
                why="no alert is made",
                remedy="start it, or correct --prometheus",
            ),
        )


def _words(problem: Exception) -> str:
    return str(problem) if isinstance(problem, ProbeError) else "what answers there is no Prometheus"


def _judge(url: str, cluster: str, groups: Any, series: Any, managers: Any) -> Iterator[Finding]:
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    yield from _unloaded(url, frozenset(rules))
    ours = {name for names in shipped_alerts().values() for name in names}
    for name, rule in rules.items():
        if name in ours and rule.get("health") == "err":
            yield error(
                url,
                f"the rule {name} fails: {rule.get('lastError', '')}",
                why="it can never fire",
                remedy="take the rule from this version of rlm-ha",
            )
    if not series:
        yield error(
            url,
            f"it has no series of {cluster}",
            why="every alert of this cluster is silent",
            remedy="scrape the daemon (examples in rules/), and see that it runs and has the cluster",
        )
    if not managers:
        yield warning(
            url,
            "it sends alerts to no Alertmanager",
            why="alerts stand on its page, and nobody is told",
            remedy="name one under alerting.alertmanagers",
        )


def _unloaded(url: str, loaded: frozenset[str]) -> Iterator[Finding]:
    for file, alerts in shipped_alerts().items():
        missing = [name for name in alerts if name not in loaded]
        if missing:
            say = error if file in NEEDED else warning
            yield say(
                url,
                f"{len(missing)} alerts of {file} are not loaded: {', '.join(missing[:5])}",
                why="what they watch for is told to nobody",
                remedy=f"name our {file} under rule_files, and reload Prometheus "
                "(rlm-ha render prometheus --output DIR writes it)",
            )


def shipped_alerts() -> dict[str, tuple[str, ...]]:
    """The names of all alerts in our rules, by file."""
    import yaml  # noqa: PLC0415 - only where Prometheus is asked about

    found: dict[str, tuple[str, ...]] = {}
    for path in rule_files():
        groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        names = (rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule)
        found[path.name] = tuple(names)
    return found
