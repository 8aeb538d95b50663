"""The dashboards read only metrics and labels that we export."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rlm_exporter.metrics.families import FAMILIES
from tests.dashboards.documents import ANY, FILES, Asked, asked, filled, load, variables
from tests.rules.documents import joined_labels, selectors

BY_SAMPLE = {name: family for family in FAMILIES for name in family.sample_names}
ADDED_BY_PROMETHEUS = frozenset({"job", "instance"})
GOLDEN = Path(__file__).parents[1] / "data" / "metrics" / "golden.prom"
LABEL_VALUES = re.compile(r"label_values\((\w+)(?:\{(.*)\})?, (\w+)\)")

QUERIES = [
    pytest.param(query, id=f"{path.stem}: {query.where}") for path in FILES for query in asked(load(path))
]


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_reads_only_what_we_export(query: Asked) -> None:
    for selector in selectors(filled(query.expr, ANY)):
        assert selector.name in BY_SAMPLE, f"nobody exports {selector.name}"
        assert selector.labels <= BY_SAMPLE[selector.name].sample_labels | ADDED_BY_PROMETHEUS


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_groups_and_names_by_labels_that_exist(query: Asked) -> None:
    expression = filled(query.expr, ANY)
    known = set(ADDED_BY_PROMETHEUS)
    for selector in selectors(expression):
        known |= BY_SAMPLE[selector.name].sample_labels

    assert joined_labels(expression) <= known
    assert query.shown_labels <= known


def test_each_variable_lists_a_label_of_a_metric_that_has_it() -> None:
    for path in FILES:
        for name, variable in variables(load(path)).items():
            if variable["type"] != "query":
                continue
            match = LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert match is not None
            assert match[3] == name
            assert name in BY_SAMPLE[match[1]].labels


def test_the_page_of_metrics_on_which_the_history_is_made_has_all_that_is_read() -> None:
    exported = {
        sample.name
        for family in text_string_to_metric_families(GOLDEN.read_text(encoding="utf-8"))
        for sample in family.samples
    }
    read = {
        selector.name
        for path in FILES
        for query in asked(load(path))
        for selector in selectors(filled(query.expr, ANY))
    }

    assert read <= exported


def test_only_the_guides_own_panels_depend_on_names_that_can_be_switched_off() -> None:
    guides = {family.name for family in FAMILIES if family.compatibility}
    users = [
        query.where
        for path in FILES
        for query in asked(load(path))
        if {selector.name for selector in selectors(filled(query.expr, ANY))} & guides
    ]

    assert users == [
        "License Distribution Across Servers A",
        "Failover Events Timeline A",
        "Response Time by Server A",
    ]
