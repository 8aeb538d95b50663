"""The alerts of a document of kind Dashboard as a file of rules for Prometheus (pure)."""

from collections.abc import Iterator

from rlm_exporter.manifest.dashboard import AlertCondition, Dashboard
from rlm_exporter.manifest.durations import format_duration
from rlm_exporter.manifest.promql import message_labels, selections
from rlm_exporter.render.grafana import is_nobodys
from rlm_exporter.render.grafana_style import family_of

_HEAD = """\
# Made by `rlm-ha render rules`. A condition says nothing while its metrics are absent: load RLMExporterAbsent
# and RLMHAClusterHealthUnknown of the exporter's own rules beside these.
"""
_ADDED_BY_PROMETHEUS = frozenset({"job", "instance"})


def render_rules(dashboard: Dashboard) -> str:
    """The whole file, one group."""
    import yaml  # noqa: PLC0415 - takes a while to load, and only rules are YAML

    groups = [{"name": dashboard.name, "rules": [_rule(alert) for alert in dashboard.alerts]}]
    text = yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=110)
    return f"{_HEAD}{text}"


def _rule(alert: AlertCondition) -> dict[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.condition,
        "for": format_duration(alert.wait),
        "labels": {"severity": alert.severity.value},
        "annotations": {"summary": alert.name, "description": alert.message},
    }


def rule_notes(dashboard: Dashboard) -> Iterator[str]:
    """What the alerts leave open though nothing in them is wrong."""
    for alert in dashboard.alerts:
        read = selections(alert.condition)
        for name in sorted(each.name for each in read if is_nobodys(each.name)):
            yield f"nobody exports {name}, so {alert.name!r} never fires; docs/metrics.md has what there is"
        families = [family_of(each.name) for each in read]
        known = _ADDED_BY_PROMETHEUS.union(*(family.sample_labels for family in families if family))
        for label in sorted(message_labels(alert.message) - known if all(families) else ()):
            yield f"{alert.name!r} tells of {label}, a label that its condition does not have"
