"""What makes a dashboard work in any Grafana, after Grafana's own linter, and the house's form."""

import re
from pathlib import Path

import promql_parser
import pytest

from rlm_exporter.metrics.families import FAMILIES, Kind
from rlm_exporter.render.grafana_style import GREY
from tests.dashboards.documents import ANY, FILES, Document, asked, filled, load, panels, variables
from tests.rules.documents import selectors

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COUNTERS = {name for family in FAMILIES if family.kind is not Kind.GAUGE for name in family.sample_names}
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
COUNTED = re.compile(r"\b(?:rate|increase)\(\s*([a-z_]+)(?:\{[^}]*\})?\[([^\]]+)\]")
COLORS = {"green", "yellow", "orange", "red", "blue", GREY}

each_file = pytest.mark.parametrize("document", [pytest.param(load(path), id=path.stem) for path in FILES])


def test_there_are_two() -> None:
    assert [path.stem for path in FILES] == ["rlm-high-availability", "rlm-licenses"]


@each_file
def test_the_uid_is_one_that_grafana_takes(document: Document) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", document["uid"])
    assert not document["editable"], "changes belong into the code"


@each_file
def test_the_data_source_is_a_variable_and_everything_uses_it(document: Document) -> None:
    variable = variables(document)["datasource"]

    assert (variable["type"], variable["query"], variable["label"]) == (
        "datasource",
        "prometheus",
        "Data source",
    )
    for panel in panels(document):
        assert panel["datasource"] == DATASOURCE
        assert all(target["datasource"] == DATASOURCE for target in panel["targets"])
    queried = [each for each in variables(document).values() if each["type"] == "query"]
    for each in (*document["annotations"]["list"], *queried):
        assert each["datasource"] == DATASOURCE, each["name"]


@each_file
def test_variables_follow_the_time_range_and_begin_with_something(document: Document) -> None:
    queried = {name: each for name, each in variables(document).items() if each["type"] == "query"}

    assert {"cluster", "server"} <= queried.keys()
    for each in queried.values():
        assert each["refresh"] == 2
        assert each["current"]["value"]
        assert each["query"]["query"].startswith("label_values(")
    assert not queried["cluster"]["multi"], "the guide's queries match one cluster"


@each_file
def test_every_panel_says_what_it_shows_and_has_a_unit(document: Document) -> None:
    for panel in panels(document):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


@each_file
def test_a_value_that_may_be_unknown_says_so(document: Document) -> None:
    for panel in panels(document):
        if panel["type"] == "stat":
            assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


@each_file
def test_colours_are_those_of_the_palette(document: Document) -> None:
    for panel in panels(document):
        defaults = panel["fieldConfig"]["defaults"]
        used = {step["color"] for step in defaults["thresholds"]["steps"]}
        for mapping in defaults["mappings"]:
            used |= {word["color"] for word in mapping["options"].values()}
        assert used <= COLORS, panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None


@each_file
def test_every_query_is_promql_once_its_variables_are_filled_in(document: Document) -> None:
    for query in asked(document):
        promql_parser.parse(filled(query.expr, ANY))


@each_file
def test_every_query_keeps_to_the_chosen_cluster_where_its_metric_has_one(document: Document) -> None:
    with_cluster = {name for family in FAMILIES if "cluster" in family.labels for name in family.sample_names}

    for query in asked(document):
        for selector in selectors(filled(query.expr, ANY)):
            assert selector.name not in with_cluster or "cluster" in selector.labels, query.where


@each_file
def test_counters_are_read_by_what_they_grew_over_a_time_that_fits(document: Document) -> None:
    for query in asked(document):
        counted = dict(COUNTED.findall(query.expr))
        read = {selector.name for selector in selectors(filled(query.expr, ANY))} & COUNTERS
        assert read == counted.keys(), query.where
        wanted = "$__range" if query.instant else "$__rate_interval"
        assert set(counted.values()) <= {wanted}, query.where


@each_file
def test_panels_fit_into_the_width_and_none_covers_another(document: Document) -> None:
    cells = [
        (x, y)
        for panel in document["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} == set(range(24))
    assert len(cells) == 24 * len({y for _, y in cells}), "every row is filled"


@each_file
def test_panels_have_numbers_of_their_own(document: Document) -> None:
    numbers = [panel["id"] for panel in document["panels"]]

    assert numbers == list(range(1, len(numbers) + 1))


@each_file
def test_links_lead_to_headings_that_the_runbook_has(document: Document) -> None:
    headings = {
        line.removeprefix("## ").lower()
        for line in RUNBOOK.read_text("utf-8").splitlines()
        if line[:3] == "## "
    }
    links = [link["url"] for panel in panels(document) for link in panel.get("links") or ()]
    page = [link["url"] for link in document["links"] if link["type"] == "link"]

    assert page == ["${runbook}"]
    for url in links:
        variable, _, heading = url.partition("#")
        assert variable == "${runbook}"
        assert heading in headings


def test_the_alerts_have_panels_that_lead_to_their_page() -> None:
    links = [
        link["url"] for path in FILES for panel in panels(load(path)) for link in panel.get("links") or ()
    ]

    assert {"${runbook}#rlmhaclusterhealth", "${runbook}#rlmwebinterfacedown"} <= set(links)


@each_file
def test_moves_and_failovers_are_drawn_on_every_panel_with_a_time(document: Document) -> None:
    assert [each["name"] for each in document["annotations"]["list"]] == ["Moves", "Failovers"]
    assert all(each["enable"] and "filter" not in each for each in document["annotations"]["list"])
