"""The kinds of panels that our dashboards have, each with the house's look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from rlm_exporter.render.grafana_style import BLUE, COUNT, GREY, NO_LIMIT, Limit, Meaning

DATASOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOK = "${runbook}"

_Builder = TypeVar(
    "_Builder",
    stat.Panel,
    bargauge.Panel,
    statetimeline.Panel,
    timeseries.Panel,
    heatmap.Panel,
    table.Panel,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a reader is told of a panel."""

    title: str
    description: str
    alert: str | None = None
    """The runbook's heading that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How numbers are told."""

    unit: str = COUNT
    meanings: Mapping[int, Meaning] | None = None
    limits: Sequence[Limit] = NO_LIMIT
    decimals: int | None = None
    no_value: str | None = None
    """What stands where there is no series: mostly that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query and the names of its series."""

    expr: str
    legend: str = "__auto"


def stat_panel(
    about: About,
    look: Look,
    *queries: Query,
    color: shapes.BigValueColorMode = shapes.BigValueColorMode.BACKGROUND,
    text: shapes.BigValueTextMode = shapes.BigValueTextMode.AUTO,
) -> model.Panel:
    """The newest value of each series, large."""
    panel = _begun(stat.Panel(), about, look, queries, instant=True)
    panel.color_mode(color).text_mode(text).graph_mode(shapes.BigValueGraphMode.NONE)
    panel.color_scheme(_thresholds()).reduce_options(_newest())
    return panel.build()


def bars_panel(about: About, look: Look, *queries: Query, whole: float | None = None) -> model.Panel:
    """The newest value of each series as a bar; one of `whole` is full, else the longest of them is."""
    look = _told_if_empty(look, "Not known")
    panel = _begun(bargauge.Panel(), about, look, queries, instant=True)
    panel.orientation(shapes.VizOrientation.HORIZONTAL).display_mode(shapes.BarGaugeDisplayMode.BASIC)
    panel.color_scheme(_thresholds()).reduce_options(_newest()).min(0)
    if whole is not None:
        panel.max(whole)
    return panel.build()


def timeline_panel(about: About, look: Look, *queries: Query, time_range: str | None = None) -> model.Panel:
    """What state each series was in, over time."""
    look = _told_if_empty(look, "Not known")
    panel = _begun(statetimeline.Panel(), about, look, queries, instant=False)
    panel.color_scheme(_thresholds()).row_height(0.8).merge_values(True).fill_opacity(70).line_width(0)
    panel.show_value(shapes.VisibilityMode.AUTO).legend(_legend())
    if time_range is not None:
        panel.time_from(time_range)
    return panel.build()


def lines_panel(
    about: About,
    look: Look,
    *queries: Query,
    stepped: bool = False,
    dashed: str | None = None,
    min_interval: str | None = None,
    tones: Mapping[str, str] | None = None,
) -> model.Panel:
    """Each series as a line; those of the query `dashed` as a limit of the others.

    `tones` are colours by the series' name; other colours only tell lines apart.
    """
    look = _told_if_empty(look, "Not known")
    panel = _begun(timeseries.Panel(), about, look, queries, instant=False)
    panel.fill_opacity(8).line_width(1).show_points(shapes.VisibilityMode.NEVER).min(0)
    panel.legend(_legend()).tooltip(_tooltip())
    if stepped:
        panel.line_interpolation(shapes.LineInterpolation.STEP_AFTER)
    if min_interval is not None:
        panel.interval(min_interval)
    if dashed is not None:
        style = {"fill": "dash", "dash": [10, 10]}
        panel.override_by_query(
            dashed,
            [
                model.DynamicConfigValue(id_val="custom.lineStyle", value=style),
                model.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
                _tone(GREY, mode=model.FieldColorModeId.FIXED),
            ],
        )
    for name, color in (tones or {}).items():
        panel.override_by_name(name, [_tone(color, mode=model.FieldColorModeId.FIXED)])
    return panel.build()


def counts_panel(
    about: About, look: Look, *queries: Query, tone: str = BLUE, tones: Mapping[str, str] | None = None
) -> model.Panel:
    """How often something happened, as bars on top of one another, in shades of a colour.

    `tones` are colours of those series whose names match an expression; the last one that does counts.
    """
    look = _told_if_empty(look, "Nothing was counted")
    panel = _begun(timeseries.Panel(), about, look, queries, instant=False)
    panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.SHADES).fixed_color(tone))
    for expression, color in (tones or {}).items():
        panel.override_by_regexp(f"/{expression}/", [_tone(color, mode=model.FieldColorModeId.SHADES)])
    panel.draw_style(shapes.GraphDrawStyle.BARS).fill_opacity(80).line_width(0).min(0)
    panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    panel.legend(_legend()).tooltip(_tooltip())
    return panel.build()


def hours_panel(about: About, look: Look, *rows: Query, days: int) -> model.Panel:
    """A cell for each hour of each day; one query for each hour, from the first to the last."""
    panel = _begun(heatmap.Panel(), about, look, rows, instant=False)
    scheme = heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    panel.calculate(False).color(scheme).cell_gap(1).show_legend()
    panel.cell_values(heatmap.CellValues().unit(look.unit))
    panel.tooltip(heatmap.HeatmapTooltip().mode(shapes.TooltipDisplayMode.SINGLE).show_color_scale(True))
    panel.interval("1d").time_from(f"{days}d")
    return panel.build()


def table_panel(
    about: About,
    *queries: Query,
    columns: Mapping[str, Look],
    titles: Mapping[str, str],
    order: Sequence[str],
    sort_by: str,
    no_value: str,
) -> model.Panel:
    """One line for each set of labels; a query's values stand in the column `Value #A` and so on."""
    form = PromQueryFormat.TABLE
    panel = _begun(table.Panel(), about, Look(no_value=no_value), queries, instant=True, form=form)
    panel.transformations(
        [
            model.DataTransformerConfig(id_val="merge", options={}),
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {name: index for index, name in enumerate(order)},
                    "renameByName": dict(titles),
                },
            ),
        ]
    )
    for column, look in columns.items():
        panel.override_by_name(titles.get(column, column), _properties(look))
    panel.cell_options(shapes.TableAutoCellOptions())
    panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(False)])
    return panel.build()


def _begun(
    panel: _Builder,
    about: About,
    look: Look,
    queries: Sequence[Query],
    *,
    instant: bool,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> _Builder:
    panel.title(about.title).description(about.description).datasource(DATASOURCE).unit(look.unit)
    panel.mappings(mappings(look.meanings or {})).thresholds(limits_config(look.limits))
    if look.decimals is not None:
        panel.decimals(look.decimals)
    if look.no_value is not None:
        panel.no_value(look.no_value)
    if about.alert is not None:
        link = dashboard.DashboardLink("What to do").type(model.DashboardLinkType.LINK)
        panel.links([link.url(f"{RUNBOOK}#{about.alert.lower()}").target_blank(True)])
    for letter, query in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", queries, strict=False):
        target = Dataquery().ref_id(letter).datasource(DATASOURCE).expr(query.expr)
        target = target.legend_format(query.legend).format(form)
        panel.with_target(target.instant() if instant else target.range())
    return panel


def mappings(meanings: Mapping[int, Meaning]) -> list[model.ValueMapping]:
    """Words for values."""
    if not meanings:
        return []
    options = {
        str(value): model.ValueMappingResult(text=meaning.text, color=meaning.color, index=index)
        for index, (value, meaning) in enumerate(meanings.items())
    }
    return [model.ValueMap(options=options)]


def limits_config(limits: Sequence[Limit]) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(value=limit.above, color=limit.color) for limit in limits]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _properties(look: Look) -> list[model.DynamicConfigValue]:
    """What a column of a table has of its own."""
    found = [model.DynamicConfigValue(id_val="unit", value=look.unit)]
    if look.decimals is not None:
        found.append(model.DynamicConfigValue(id_val="decimals", value=look.decimals))
    if look.limits is not NO_LIMIT:
        found.append(model.DynamicConfigValue(id_val="thresholds", value=limits_config(look.limits).build()))
        cell = {"type": "color-text"}
        found.append(model.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
    return found


def _told_if_empty(look: Look, words: str) -> Look:
    return look if look.no_value is not None else replace(look, no_value=words)


def _tone(color: str, *, mode: model.FieldColorModeId) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val="color", value={"mode": mode.value, "fixedColor": color})


def _thresholds() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def _newest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def _legend() -> common.VizLegendOptions:
    placed = common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST)
    return placed.placement(shapes.LegendPlacement.BOTTOM).show_legend(True)


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
