"""Whatever a label holds, a parser of either format reads the same back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text

from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.families import Family, Kind
from rlm_exporter.metrics.text import Format, number, page, sample

LABELS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def parse_openmetrics(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # not annotated there


def rendered(form: Format, feature: str, value: float) -> str:
    labels = (("cluster", "c"), ("server", "s"), ("isv", "i"), ("feature", feature))
    line = sample(f.LICENSE_IN_USE.name, labels, value)
    return page((f.LICENSE_IN_USE,), ({f.LICENSE_IN_USE.name: line},), form).decode()


@given(LABELS, st.integers(-(2**53), 2**53) | st.floats(allow_nan=False))
def test_labels_and_values_survive_text(feature: str, value: float) -> None:
    [family] = parse_text(rendered(Format.TEXT, feature, value))

    assert [(each.labels["feature"], each.value) for each in family.samples] == [(feature, value)]


@given(LABELS, st.integers(-(2**53), 2**53) | st.floats(allow_nan=False))
def test_labels_and_values_survive_openmetrics(feature: str, value: float) -> None:
    [family] = parse_openmetrics(rendered(Format.OPENMETRICS, feature, value))

    assert [(each.labels["feature"], each.value) for each in family.samples] == [(feature, value)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "1"),
        (0.0, "0"),
        (30.0, "30"),
        (0.042, "0.042"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_spelled_as_both_formats_have_them(value: float, text: str) -> None:
    assert number(value) == text


def test_a_lone_surrogate_costs_only_itself() -> None:
    line = sample("rlm_server_up", (("cluster", "a\udcffb"), ("server", "s")), 1)

    assert b'cluster="a?b"' in page((f.SERVER_UP,), ({"rlm_server_up": line},), Format.TEXT)


def test_help_is_escaped_as_each_format_wants_it() -> None:
    family = Family(name="x", help='a "b" \\ c\nd')

    assert page((family,), ({"x": "x 1\n"},), Format.TEXT).decode().startswith('# HELP x a "b" \\\\ c\\nd\n')
    [read] = parse_openmetrics(page((family,), ({"x": "x 1\n"},), Format.OPENMETRICS).decode())
    assert read.documentation == family.help


def test_openmetrics_names_counters_without_total_and_gives_units() -> None:
    counter = Family(name="x_total", kind=Kind.COUNTER, help="Counts.")
    parts = (
        {"x_total": "x_total 1\n", f.CHECK_INTERVAL.name: f'{f.CHECK_INTERVAL.name}{{cluster="c"}} 30\n'},
    )

    assert page((counter, f.CHECK_INTERVAL), parts, Format.OPENMETRICS).decode() == (
        "# HELP x Counts.\n# TYPE x counter\nx_total 1\n"
        f"# HELP {f.CHECK_INTERVAL.name} {f.CHECK_INTERVAL.help}\n# TYPE {f.CHECK_INTERVAL.name} gauge\n"
        f'# UNIT {f.CHECK_INTERVAL.name} seconds\n{f.CHECK_INTERVAL.name}{{cluster="c"}} 30\n# EOF\n'
    )


def test_a_family_without_samples_is_left_out() -> None:
    assert page((f.SERVER_UP,), ({}, {"rlm_server_up": ""}), Format.TEXT) == b""
