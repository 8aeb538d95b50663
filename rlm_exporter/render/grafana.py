"""A document of kind Dashboard as a dashboard of Grafana, in its classic JSON (pure)."""

import json
from collections.abc import Iterator
from hashlib import sha256

from rlm_exporter.manifest.dashboard import Dashboard, Panel
from rlm_exporter.manifest.promql import selections
from rlm_exporter.render.grafana_panels import Json, panel_json
from rlm_exporter.render.grafana_style import family_of

LONGEST_UID = 40
SCHEMA_VERSION = 41
"""Grafana brings older ones up to date by itself when it loads them."""
_WIDTH, _HEIGHT = 24, 8
_UID = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def render_dashboard(dashboard: Dashboard) -> str:
    """The whole file."""
    panels: list[Json] = [
        panel_json(panel, number=number, place=place)
        for number, (panel, place) in enumerate(_placed(dashboard.panels), start=1)
    ]
    document: dict[str, Json] = {
        "uid": uid(dashboard.name),
        "title": dashboard.title,
        "tags": ["rlm"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": dashboard.refresh or "",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_DATASOURCE_VARIABLE]},
        "panels": panels,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_DATASOURCE_VARIABLE: Json = {
    "type": "datasource",
    "name": "datasource",
    "label": "Data source",
    "query": "prometheus",
    "regex": "",
    "hide": 0,
    "includeAll": False,
    "multi": False,
    "refresh": 1,
}


def uid(name: str) -> str:
    """The name as Grafana takes it: of its letters alone, and short."""
    plain = "".join(letter if letter in _UID else "-" for letter in name)
    if plain == name and len(name) <= LONGEST_UID:
        return name
    mark = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: LONGEST_UID - len(mark) - 1]}-{mark}"


def dashboard_notes(dashboard: Dashboard) -> Iterator[str]:
    """What the document leaves open though nothing in it is wrong."""
    for panel in dashboard.panels:
        names = {each.name for target in panel.targets for each in selections(target.query)}
        for name in sorted(filter(is_nobodys, names)):
            yield f"nobody exports {name}, so {panel.title!r} lacks it; docs/metrics.md has what there is"


def is_nobodys(name: str) -> bool:
    """Whether a metric is named as ours are, and is not one of them."""
    return name.startswith("rlm_") and family_of(name) is None


def _placed(panels: tuple[Panel, ...]) -> Iterator[tuple[Panel, dict[str, int]]]:
    """Two panels in a row; a last one alone has the whole width."""
    half = _WIDTH // 2
    for index, panel in enumerate(panels):
        row, column = divmod(index, 2)
        alone = column == 0 and index == len(panels) - 1
        yield panel, {"x": column * half, "y": row * _HEIGHT, "w": _WIDTH if alone else half, "h": _HEIGHT}
