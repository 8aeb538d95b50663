"""Prometheus: are our rules loaded, does it scrape this cluster, does it know an Alertmanager?"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.site import Site
from rlm_exporter.doctor.web import ask
from rlm_exporter.errors import ProbeError

ABOUT = About(
    name="prometheus", looks_at="rules, the cluster's series and Alertmanagers of Prometheus (--prometheus)"
)
RULE_FILES = ("cluster.yml", "exporter.yml", "failover.yml")


async def examine(site: Site) -> Outcome:
    """Through its HTTP API."""
    url = site.asked.prometheus
    if url is None:
        return Skipped(why="say where it is by --prometheus")
    url = url.rstrip("/")
    name = site.cluster.name
    try:
        rules = (await ask(f"{url}/api/v1/rules", type="alert"))["data"]["groups"]
        query = f'rlm_cluster_healthy_servers{{cluster="{name}"}}'
        series = (await ask(f"{url}/api/v1/query", query=query))["data"]["result"]
        managers = (await ask(f"{url}/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]
    except (ProbeError, KeyError, TypeError) as problem:
        return (
            error(
                url,
                f"Prometheus cannot be asked: {problem}",
                why="no alert is made",
                remedy="start it, or correct --prometheus",
            ),
        )
    return tuple(_judge(url, name, rules, series, managers))


def _judge(url: str, cluster: str, groups: Any, series: Any, managers: Any) -> Iterator[Finding]:
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    missing = [name for name in shipped_alerts() if name not in rules]
    if missing:
        yield error(
            url,
            f"{len(missing)} of our alerts are not loaded: {', '.join(missing[:5])}",
            why="what they watch for is told to nobody",
            remedy="name our rules/*.yml under rule_files, and reload Prometheus",
        )
    for name, rule in rules.items():
        if name in shipped_alerts() and rule.get("health") == "err":
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


def shipped_alerts() -> tuple[str, ...]:
    """The names of all alerts in our rules."""
    import yaml  # noqa: PLC0415 - only where Prometheus is asked about

    found: list[str] = []
    for name in RULE_FILES:
        document = yaml.safe_load((_folder() / name).read_text(encoding="utf-8"))
        found += [rule["alert"] for group in document["groups"] for rule in group["rules"] if "alert" in rule]
    return tuple(found)


def _folder() -> Path:
    """Beside the package in a clone, inside it where it is installed."""
    installed = Path(str(resources.files("rlm_exporter"))) / "bundle" / "rules"
    return installed if installed.is_dir() else Path(str(resources.files("rlm_exporter"))).parent / "rules"
