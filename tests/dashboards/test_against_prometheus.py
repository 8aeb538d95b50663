"""Each query is answered by a real Prometheus: without an error, with data, with the labels that it names."""

import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from rlm_exporter.render.grafana import render_dashboard
from tests.dashboards.documents import FILES, Asked, Document, asked, filled, load, variables
from tests.dashboards.history import END, STEP, WEEK, write_history
from tests.manifest.dashboards import printed, read
from tests.server.prometheus import Prometheus, prometheus

POINTS = 300
"""About as many as a panel of half the width of a screen."""
LABEL_VALUES = re.compile(r"label_values\((.*), (\w+)\)")
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def week(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """A Prometheus that has seen a cluster for a week."""
    folder = tmp_path_factory.mktemp("week") / "prometheus"
    folder.mkdir()
    write_history(folder)
    async with prometheus(folder, {"global": {"scrape_interval": "5m"}}) as made:
        yield made


def seconds(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


async def chosen(week: Prometheus, document: Document) -> dict[str, str]:
    """The value of each variable when the dashboard is opened, each asked for with those before it."""
    values: dict[str, str] = {}
    for name, variable in variables(document).items():
        if variable["type"] != "query":
            continue
        match = LABEL_VALUES.fullmatch(filled(variable["query"]["query"], values))
        assert match is not None
        found = await week.ask(
            f"/api/v1/label/{match[2]}/values", **{"match[]": match[1]}, start=str(END - WEEK), end=str(END)
        )
        assert found, f"{name} has nothing to choose from"
        values[name] = "|".join(found) if variable.get("multi") else found[0]
    return values


async def answered(week: Prometheus, query: Asked, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The series that a panel gets, by Grafana's way to choose the step."""
    since = seconds(query.since)
    step = max(since // POINTS, STEP, seconds(query.min_step or "1s"))
    built_in = {
        "__interval": f"{step}s",
        "__rate_interval": f"{max(step + STEP, 4 * STEP)}s",
        "__range": f"{since}s",
    }
    expression = filled(query.expr, {**values, **built_in})
    if query.instant:
        found = await week.ask("/api/v1/query", query=expression, time=str(END))
    else:
        start, end = ((moment // step) * step for moment in (END - since, END))
        found = await week.ask(
            "/api/v1/query_range", query=expression, start=str(start), end=str(end), step=str(step)
        )
    return list(found["result"])


def numbers(series: Mapping[str, Any]) -> list[float]:
    points = [series["value"]] if "value" in series else series["values"]
    return [float(value) for _, value in points]


@pytest.mark.row(39)
@pytest.mark.row(40)
@pytest.mark.parametrize("document", [pytest.param(load(path), id=path.stem) for path in FILES])
async def test_every_panel_and_annotation_has_data_and_the_labels_that_it_names(
    week: Prometheus, document: Document
) -> None:
    values = await chosen(week, document)
    assert values["cluster"] == "rlm-ha-cluster"

    for query in asked(document):
        found = await answered(week, query, values)
        assert any(math.isfinite(number) for series in found for number in numbers(series)), (
            f"{query.where} is empty"
        )
        for series in found:
            assert query.shown_labels <= series["metric"].keys(), query.where


@pytest.mark.row(39)
@pytest.mark.row(40)
async def test_every_panel_of_the_printed_document_has_data_and_the_labels_that_it_names(
    week: Prometheus,
) -> None:
    document = json.loads(render_dashboard(read(printed())))

    queries = list(asked(document))
    assert len(queries) == 5
    for query in queries:
        found = await answered(week, query, {})
        assert found, f"{query.where} is empty"
        for series in found:
            assert query.shown_labels <= series["metric"].keys(), query.where


@pytest.mark.row(41)
@pytest.mark.row(42)
async def test_the_printed_conditions_are_answered_with_those_that_meet_them(week: Prometheus) -> None:
    few, web = read(printed()).alerts

    for alert, expected in ((few, []), (web, ["rlm2", "rlm3"])):
        found = await week.ask("/api/v1/query", query=alert.condition, time=str(END))
        assert [series["metric"].get("server") for series in found["result"]] == expected


async def test_an_annotation_stands_at_each_move_and_nowhere_else(week: Prometheus) -> None:
    document = load(FILES[0])
    values = await chosen(week, document)
    [moves] = [query for query in asked(document) if query.where == "annotation Moves"]

    found = await answered(week, moves, values)

    times = sorted(point[0] for series in found for point in series["values"])
    assert times == [END - 4 * 3_600, END], "the history moves every four hours"


async def test_the_heat_map_has_a_row_for_each_hour_and_a_cell_for_each_whole_day(week: Prometheus) -> None:
    document = load(FILES[1])
    values = await chosen(week, document)
    rows = [query for query in asked(document) if query.where.startswith("Hours ")]

    cells = {query.texts[0]: numbers((await answered(week, query, values))[0]) for query in rows}

    assert list(cells) == [f"{hour:02}:00" for hour in range(24)]
    assert all(len(days) >= 6 for days in cells.values())
    assert max(cells, key=lambda hour: cells[hour][-1]) in {"11:00", "12:00"}, "the history is busy at noon"
    assert min(cells, key=lambda hour: cells[hour][-1]) in {"00:00", "23:00"}


async def test_the_balancers_view_is_one_number_for_each_server(week: Prometheus) -> None:
    document = load(FILES[0])
    values = await chosen(week, document)
    [view] = [query for query in asked(document) if query.where == "The balancers' view A"]

    found = await answered(week, view, values)
    told = await week.ask("/api/v1/query", query="rlm_load_balancer_server_state == 1", time=str(END))

    states = ["down", "up", "drain", "maint", "unresolved"]
    expected = {
        (series["metric"]["balancer"], series["metric"]["server"]): states.index(series["metric"]["state"])
        for series in told["result"]
    }
    assert {
        (series["metric"]["balancer"], series["metric"]["server"]): numbers(series)[-1] for series in found
    } == expected
