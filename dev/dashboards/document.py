"""What both dashboards have around their panels: variables, annotations, links, places."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dev.dashboards.panels import DATASOURCE, RUNBOOK

CLUSTER = "rlm-ha-cluster"
"""The variable's value to begin with: with it, the queries are those of the guide to the byte."""
TAG = "rlm"
HEADER_HEIGHT = 1
_UNKNOWN = {"auto", "auto_count", "auto_min", "definition", "footer"}
_HIDDEN = ("placement", "inControlsMenu")
"""A menu of the newest Grafana, into which the SDK puts every link and annotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Panels side by side, each with its share of the 24 columns; with a title, below a heading."""

    panels: Sequence[tuple[model.Panel, int]]
    height: int
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Of a panel in its block, in columns and rows."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Panels of different heights, each in its place."""

    panels: Sequence[tuple[model.Panel, Place]]
    height: int


def begin(title: str, uid: str, *, description: str, since: str) -> Dashboard:
    """A dashboard without panels."""
    return (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time(since, "now")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            DashboardLink("RLM dashboards")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(True)
            .keep_time(True)
        )
        .link(DashboardLink("Runbook").type(model.DashboardLinkType.LINK).url(RUNBOOK).target_blank(True))
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            _labels("cluster", "Cluster", "rlm_cluster_check_interval_seconds", "").current(
                model.VariableOption(selected=True, text=CLUSTER, value=CLUSTER)
            )
        )
    )


def choice(name: str, label: str, metric: str, within: str = 'cluster="$cluster"') -> QueryVariable:
    """A variable of several values, all at first."""
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return _labels(name, label, metric, within).multi(True).include_all(True).current(everything)


def runbook() -> TextBoxVariable:
    """Where the runbook is kept: only its reader knows."""
    return TextBoxVariable("runbook").label("Runbook").default_value("docs/runbook.md")


def annotations() -> tuple[AnnotationQuery, ...]:
    """Moves and failovers, on every panel that has a time axis."""
    active = 'rlm_server_active{cluster="$cluster"}'
    return (
        _annotation(
            "Moves",
            f"max by (server) ({active} == 1 and {active} offset $__interval == 0)",
            title="{{server}} is active",
            text="",
            color="blue",
        ),
        _annotation(
            "Failovers",
            "sum by (reason, outcome)"
            ' (increase(rlm_failovers_total{cluster="$cluster"}[$__rate_interval])) > 0',
            title="Failover: {{outcome}}",
            text="{{reason}}",
            color="red",
        ),
    )


def place(dashboard: Dashboard, shelves: Sequence[Shelf | Block]) -> model.Dashboard:
    """The whole dashboard, its panels in their places and numbered."""
    built = dashboard.build()
    built.panels = list(_placed(shelves))
    return built


def text(dashboard: model.Dashboard) -> str:
    """The file's content."""
    document = json.loads(JSONEncoder().encode(dashboard))
    return json.dumps(_as_grafana_has_it(document), indent=2, ensure_ascii=False) + "\n"


def _placed(shelves: Sequence[Shelf | Block]) -> Iterator[model.Panel | model.RowPanel]:
    top, number = 0, 0
    for shelf in shelves:
        if isinstance(shelf, Shelf) and shelf.title is not None:
            number += 1
            yield model.RowPanel(
                id_val=number,
                title=shelf.title,
                grid_pos=model.GridPos(x=0, y=top, w=24, h=HEADER_HEIGHT),
            )
            top += HEADER_HEIGHT
        for panel, at in shelf.panels if isinstance(shelf, Block) else _side_by_side(shelf):
            number += 1
            panel.id_val = number
            panel.grid_pos = model.GridPos(x=at.x, y=top + at.y, w=at.w, h=at.h)
            yield panel
        top += shelf.height


def _side_by_side(shelf: Shelf) -> Iterator[tuple[model.Panel, Place]]:
    left = 0
    for panel, width in shelf.panels:
        yield panel, Place(x=left, y=0, w=width, h=shelf.height)
        left += width


def _labels(name: str, label: str, metric: str, within: str) -> QueryVariable:
    matched = f"{metric}{{{within}}}" if within else metric
    query = f"label_values({matched}, {name})"
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": f"Variable-{name}"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _annotation(name: str, query: str, *, title: str, text: str, color: str) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(color)
        .target(Dataquery().expr(query).ref_id("Anno").interval("30s").range())
        .title_format(title)
        .text_format(text)
    )


def _as_grafana_has_it(value: object) -> object:
    """Without what the SDK writes and Grafana's own schema does not know, or nobody would see."""
    if isinstance(value, Mapping):
        return {
            key: _as_grafana_has_it(each)
            for key, each in value.items()
            if key not in _UNKNOWN and (key, each) != _HIDDEN
        }
    return [_as_grafana_has_it(each) for each in value] if isinstance(value, list) else value
