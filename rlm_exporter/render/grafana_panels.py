"""Panels of a document as Grafana's JSON (pure).

Grafana's model is wide; these are the few parts of it that our documents need, written out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from rlm_exporter.manifest.dashboard import ColorMode, GraphMode, Panel, PanelType, Target
from rlm_exporter.manifest.promql import selections
from rlm_exporter.metrics.families import Family
from rlm_exporter.render.grafana_style import (
    Limit,
    Meaning,
    family_of,
    limits_of,
    meanings_of,
    unit_of,
)

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

DATASOURCE: Mapping[str, Json] = {"type": "prometheus", "uid": "${datasource}"}
GRAFANA_TYPES = {
    PanelType.STAT: "stat",
    PanelType.BAR_GRAPH: "bargauge",
    PanelType.TIMELINE: "state-timeline",
    PanelType.TIME_SERIES: "timeseries",
}
_INSTANT = {PanelType.STAT, PanelType.BAR_GRAPH}
"""What shows the newest value alone asks for no other."""
_REDUCED: Mapping[str, Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def panel_json(panel: Panel, *, number: int, place: Mapping[str, int]) -> dict[str, Json]:
    """One panel; `place` is its gridPos."""
    names = sorted({each.name for target in panel.targets for each in selections(target.query)})
    document: dict[str, Json] = {
        "id": number,
        "type": GRAFANA_TYPES[panel.kind],
        "title": panel.title,
        "description": _description(names),
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [
            _target(target, panel.kind, letter)
            for target, letter in zip(panel.targets, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=False)
        ],
        "fieldConfig": {"defaults": _field(panel.kind, names), "overrides": []},
        "options": _options(panel),
    }
    if panel.time_range is not None:
        document["timeFrom"] = panel.time_range
    return document


def _target(target: Target, kind: PanelType, letter: str) -> Json:
    instant = kind in _INSTANT
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": target.query,
        "legendFormat": "__auto" if target.legend is None else target.legend,
        "instant": instant,
        "range": not instant,
    }


def _field(kind: PanelType, names: Sequence[str]) -> dict[str, Json]:
    name = names[0] if len(names) == 1 else ""
    meanings = meanings_of(name)
    field: dict[str, Json] = {
        "unit": unit_of(name),
        "mappings": _mappings(meanings),
        "thresholds": _thresholds(limits_of(name)),
    }
    if kind in _INSTANT:
        field["color"] = {"mode": "thresholds"}
    elif kind is PanelType.TIMELINE:
        field["color"] = {"mode": "thresholds" if meanings else "palette-classic"}
        field["custom"] = {"fillOpacity": 70, "lineWidth": 0}
    else:
        field["color"] = {"mode": "palette-classic"}
        field["custom"] = {"fillOpacity": 10, "lineWidth": 1, "showPoints": "never"}
        field["min"] = 0
    return field


def _options(panel: Panel) -> Json:
    legend: dict[str, Json] = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    match panel.kind:
        case PanelType.STAT:
            return {
                "colorMode": (panel.color_mode or ColorMode.BACKGROUND).value,
                "graphMode": (panel.graph_mode or GraphMode.NONE).value,
                "justifyMode": "auto",
                "orientation": "auto",
                "percentChangeColorMode": "standard",
                "reduceOptions": _REDUCED,
                "showPercentChange": False,
                "textMode": "value_and_name",
                "wideLayout": True,
            }
        case PanelType.BAR_GRAPH:
            return {
                "displayMode": "basic",
                "legend": {**legend, "showLegend": False},
                "maxVizHeight": 300,
                "minVizHeight": 16,
                "minVizWidth": 8,
                "namePlacement": "auto",
                "orientation": "horizontal",
                "reduceOptions": _REDUCED,
                "showUnfilled": True,
                "sizing": "auto",
                "valueMode": "color",
            }
        case PanelType.TIMELINE:
            return {
                "alignValue": "left",
                "legend": legend,
                "mergeValues": True,
                "rowHeight": 0.8,
                "showValue": "auto",
                "tooltip": {"mode": "single", "sort": "none"},
            }
        case PanelType.TIME_SERIES:
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _mappings(meanings: Mapping[int, Meaning]) -> Json:
    if not meanings:
        return []
    options: dict[str, Json] = {
        str(value): {"color": meaning.color, "index": index, "text": meaning.text}
        for index, (value, meaning) in enumerate(meanings.items())
    }
    return [{"type": "value", "options": options}]


def _thresholds(limits: Iterable[Limit]) -> Json:
    return {
        "mode": "absolute",
        "steps": [{"color": limit.color, "value": limit.above} for limit in limits],
    }


def _description(names: Iterable[str]) -> str:
    """What the metrics mean, as their own help says."""
    families: dict[str, Family] = {}
    for name in names:
        family = family_of(name)
        if family is not None:
            families[family.name] = family
    return "\n\n".join(family.help for family in families.values()) or "Not one of the exporter's metrics."
