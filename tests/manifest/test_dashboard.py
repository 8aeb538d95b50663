"""A document of kind Dashboard is read whole, and what no tool could use is refused with its place."""

from datetime import timedelta

import pytest

from rlm_exporter.errors import ManifestError
from rlm_exporter.manifest.dashboard import AlertSeverity, ColorMode, GraphMode, PanelType
from rlm_exporter.manifest.load import parse_manifests
from rlm_exporter.manifest.promql import (
    LONGEST_QUERY,
    Selection,
    check_legend,
    check_message,
    check_query,
    legend_labels,
    message_labels,
    selections,
)
from tests.manifest.dashboards import DASHBOARD, LEGENDS, QUERIES, printed, read
from tests.manifest.manifests import SHORT


@pytest.mark.row(39)
@pytest.mark.row(40)
def test_the_printed_document_keeps_its_queries_byte_for_byte() -> None:
    dashboard = read(printed())

    targets = [target for panel in dashboard.panels for target in panel.targets]
    assert tuple(target.query for target in targets) == QUERIES
    assert tuple(target.legend for target in targets) == LEGENDS


@pytest.mark.row(39)
@pytest.mark.row(40)
def test_the_printed_document_keeps_what_its_panels_are_to_look_like() -> None:
    dashboard = read(printed())
    stat, bars, timeline, series, web = dashboard.panels

    assert dashboard.refresh == "30s"
    assert [panel.kind for panel in dashboard.panels] == [
        PanelType.STAT,
        PanelType.BAR_GRAPH,
        PanelType.TIMELINE,
        PanelType.TIME_SERIES,
        PanelType.STAT,
    ]
    assert (stat.color_mode, stat.graph_mode) == (ColorMode.VALUE, GraphMode.NONE)
    assert (web.color_mode, web.graph_mode) == (None, None)
    assert [panel.time_range for panel in (stat, bars, timeline, series)] == [None, None, "7d", None]


@pytest.mark.row(41)
@pytest.mark.row(42)
def test_the_printed_document_keeps_its_alerts() -> None:
    few, web = read(printed()).alerts

    assert (few.condition, few.severity) == ("healthy_servers < 2", AlertSeverity.WARNING)
    assert (web.condition, web.severity) == ("rlm_web_interface_up == 0", AlertSeverity.WARNING)
    assert message_labels(few.message) == frozenset()
    assert message_labels(web.message) == {"server"}
    assert few.wait == timedelta(minutes=1)


def test_an_alert_may_say_how_long_it_waits() -> None:
    patient = DASHBOARD.replace(
        'condition: "healthy_servers < 2"', 'condition: "healthy_servers < 2"\n    for: 5m'
    )

    assert read(patient).alerts[0].wait == timedelta(minutes=5)


def test_a_dashboard_stands_beside_clusters_in_one_file() -> None:
    loaded = parse_manifests(f"{SHORT}---\n{DASHBOARD}", "both.yaml")

    assert [cluster.name for cluster in loaded.clusters] == ["nuke"]
    assert [dashboard.name for dashboard in loaded.dashboards] == ["wall"]


def test_two_dashboards_of_one_name_are_refused() -> None:
    with pytest.raises(ManifestError) as refused:
        parse_manifests(f"{DASHBOARD}---\n{DASHBOARD}", "wall.yaml")

    [problem] = refused.value.problems
    assert "metadata.name: wall is also the dashboard in wall.yaml:4; give each a name" in problem


@pytest.mark.parametrize(
    "query",
    [
        "rlm_server_up",
        'sum by (isv) (rate(rlm_isv_denials_total{isv=~"a|b"}[5m])) > 0',
        "time() - rlm_snapshot_timestamp_seconds",
        "max_over_time(rlm_license_in_use[1d:1h] offset 1w)",
        "((1))",
    ],
)
def test_promql_is_taken(query: str) -> None:
    check_query(query)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT * FROM servers", "is not PromQL"),
        ("rlm_server_up{", "unexpected end of input"),
        ("rate(rlm_isv_denials_total)", "expected type matrix"),
        ("rate(rlm_isv_denials_total[$__rate_interval])", "Grafana's variables are not known here"),
        ("rlm_server_up[5m]", "is a range of values"),
        ("((rlm_server_up[5m]))", "is a range of values"),
        ("rlm_server_up[1h:5m]", "is a range of values"),
        ('"rlm_server_up"', "is a text to PromQL"),
        ("{}", "at least one non-empty matcher"),
        ("\ud800", "is not PromQL"),
        ("rlm_server_up offset NaN", "is not PromQL"),
        ("(" * LONGEST_QUERY + "x", "is longer than"),
    ],
)
def test_what_prometheus_could_not_use_is_refused(query: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_query(query)


def test_as_many_brackets_as_are_allowed_end_in_an_answer() -> None:
    half = LONGEST_QUERY // 2 - 1

    check_query("(" * half + "x" + ")" * half)
    check_query("-" * (LONGEST_QUERY - 1) + "x")


@pytest.mark.row(40)
def test_a_legend_names_labels_without_dollars() -> None:
    check_legend("{{server}} - {{ feature }}")

    assert legend_labels("{{server}} - {{ feature }}") == {"server", "feature"}
    with pytest.raises(ValueError, match=r"in a legend write \{\{server\}\}"):
        check_legend("{{$labels.server}}")
    with pytest.raises(ValueError, match="does not close it"):
        check_legend("{{server")


@pytest.mark.row(42)
def test_a_message_names_labels_with_dollars() -> None:
    check_message("{{$labels.server}}: {{ $value | humanizeDuration }}")

    with pytest.raises(ValueError, match=r"write \{\{\$labels\.server\}\}"):
        check_message("{{server}} is down")
    with pytest.raises(ValueError, match="nothing that Prometheus fills in"):
        check_message("{{ query `up` }}")


def test_a_query_tells_which_metrics_it_reads() -> None:
    found = selections(
        'rlm_server_up{cluster="a"} == 0 and on (server) (max_over_time(x[5m]) or {__name__="y"})'
    )

    assert found == {
        Selection(name="rlm_server_up", labels=frozenset({"cluster"})),
        Selection(name="x", labels=frozenset()),
    }
