"""A document of kind Dashboard becomes Grafana's JSON that says the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.manifest.dashboard import Dashboard, Panel, PanelType, Target
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.render.alert_rules import rule_notes
from rlm_exporter.render.grafana import LONGEST_UID, dashboard_notes, render_dashboard, uid
from tests.manifest.dashboards import DASHBOARD, LEGENDS, QUERIES, printed, read

EXAMPLE = Path(__file__).parents[2] / "examples" / "dashboard.yaml"


def rendered(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render_dashboard(read(text)))
    return document


@pytest.mark.row(39)
def test_each_panel_is_of_todays_type_and_asks_what_was_written() -> None:
    panels = rendered(printed())["panels"]

    assert [panel["type"] for panel in panels] == ["stat", "bargauge", "state-timeline", "timeseries", "stat"]
    assert tuple(panel["targets"][0]["expr"] for panel in panels) == QUERIES
    assert [panel["targets"][0]["instant"] for panel in panels] == [True, True, False, False, True]


@pytest.mark.row(39)
def test_the_title_and_the_refresh_are_kept() -> None:
    document, dashboard = rendered(printed()), read(printed())

    assert (document["title"], document["refresh"]) == (dashboard.title, "30s")
    assert [panel["title"] for panel in document["panels"]] == [panel.title for panel in dashboard.panels]


@pytest.mark.row(40)
def test_legends_modes_and_the_time_range_are_kept() -> None:
    up, seats, moves, speed, web = rendered(printed())["panels"]

    legends = [panel["targets"][0]["legendFormat"] for panel in (up, seats, moves, speed, web)]
    assert legends == [legend or "__auto" for legend in LEGENDS]
    assert (up["options"]["colorMode"], up["options"]["graphMode"]) == ("value", "none")
    assert (web["options"]["colorMode"], web["options"]["graphMode"]) == ("background", "none")
    assert moves["timeFrom"] == "7d"
    assert "timeFrom" not in speed


@pytest.mark.row(39)
def test_zero_and_one_are_words_and_seconds_are_seconds() -> None:
    up, seats, moves, speed, _ = rendered(printed())["panels"]

    [mapping] = up["fieldConfig"]["defaults"]["mappings"]
    assert {value: word["text"] for value, word in mapping["options"].items()} == {"0": "Down", "1": "Up"}
    assert speed["fieldConfig"]["defaults"]["unit"] == "s"
    assert seats["options"]["orientation"] == "horizontal"
    assert moves["fieldConfig"]["defaults"]["mappings"] == []


def test_every_panel_says_what_it_shows() -> None:
    for panel in rendered(DASHBOARD)["panels"]:
        assert panel["description"].endswith(".")
        assert panel["description"] != "Not one of the exporter's metrics."


def test_the_data_source_is_a_variable_everywhere() -> None:
    document = rendered(DASHBOARD)

    assert [each["name"] for each in document["templating"]["list"]] == ["datasource"]
    for panel in document["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_panels_fill_the_width_and_none_covers_another() -> None:
    cells = [
        (x, y)
        for panel in rendered(DASHBOARD)["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells)) == 24 * 24
    assert max(x for x, _ in cells) == 23


def test_several_queries_of_a_panel_have_letters_of_their_own() -> None:
    panel = Panel(
        title="both",
        kind=PanelType.TIME_SERIES,
        targets=(Target(query="rlm_server_up"), Target(query="rlm_isv_up")),
    )
    document = json.loads(render_dashboard(Dashboard(name="x", source="x", title="x", panels=(panel,))))

    assert [target["refId"] for target in document["panels"][0]["targets"]] == ["A", "B"]


@pytest.mark.parametrize("name", ["wall", "a.b", "a" * 63, "a" * 62 + "b"])
def test_a_uid_is_one_that_grafana_takes(name: str) -> None:
    assert len(uid(name)) <= LONGEST_UID
    assert set(uid(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_names_that_differ_have_uids_that_differ() -> None:
    names = ["wall", "a.b", "a-b", "a" * 63, "a" * 62 + "b"]

    assert len({uid(name) for name in names}) == len(names)
    assert uid("wall") == "wall"


def test_the_example_shows_every_kind_of_panel_and_lacks_nothing() -> None:
    [example] = load_manifests([EXAMPLE]).dashboards

    assert {panel.kind for panel in example.panels} == set(PanelType)
    assert [*dashboard_notes(example), *rule_notes(example)] == []


def test_a_metric_that_nobody_exports_is_told() -> None:
    wrong = DASHBOARD.replace("rlm_response_time{", "rlm_response_tme{")

    assert list(dashboard_notes(read(DASHBOARD))) == []
    assert list(dashboard_notes(read(wrong))) == [
        "nobody exports rlm_response_tme, so 'Speed' lacks it; docs/metrics.md has what there is"
    ]
