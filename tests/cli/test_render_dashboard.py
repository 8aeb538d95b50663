"""`rlm-ha render dashboard` and `rlm-ha render rules` as their users run them."""

import json

import pytest

from tests.cli.command import CommandLine
from tests.manifest.dashboards import DASHBOARD, QUERIES
from tests.manifest.manifests import SHORT


@pytest.mark.row(39)
async def test_a_dashboard_is_printed_for_grafana(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "wall.yaml").write_text(DASHBOARD)

    ended = await rlm_ha.run("render", "dashboard", "wall.yaml")

    assert (ended.code, ended.err) == (0, "")
    assert tuple(panel["targets"][0]["expr"] for panel in ended.document["panels"]) == QUERIES


@pytest.mark.row(41)
async def test_rules_go_into_the_folder_that_was_named(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "wall.yaml").write_text(DASHBOARD)
    (rlm_ha.home / "made").mkdir()

    rules = await rlm_ha.run("render", "rules", "wall.yaml", "--output", "made")
    dashboard = await rlm_ha.run("render", "dashboard", "wall.yaml", "--output", "made")

    assert (rules.code, rules.out, rules.err) == (0, "", "made/wall.yml is written\n")
    assert (dashboard.code, dashboard.err) == (0, "made/wall.json is written\n")
    assert "expr: healthy_servers < 2\n" in (rlm_ha.home / "made" / "wall.yml").read_text()
    assert json.loads((rlm_ha.home / "made" / "wall.json").read_text())["uid"] == "wall"


@pytest.mark.row(39)
async def test_what_is_not_promql_is_refused_with_its_place(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "wall.yaml").write_text(DASHBOARD.replace('"healthy_servers < 2"', '"too few servers"'))

    ended = await rlm_ha.run("render", "rules", "wall.yaml")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(
        'Error: wall.yaml:39: spec.alerts[0].condition: "too few servers" is not PromQL'
    )


async def test_a_file_without_a_dashboard_or_with_two_is_answered_in_words(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "nuke.yaml").write_text(SHORT)
    (rlm_ha.home / "two.yaml").write_text(f"{DASHBOARD}---\n{DASHBOARD.replace('name: wall', 'name: door')}")

    none = await rlm_ha.run("render", "dashboard", "nuke.yaml")
    two = await rlm_ha.run("render", "dashboard", "two.yaml")
    other = await rlm_ha.run("render", "dashboard", "two.yaml", "--name", "floor")
    chosen = await rlm_ha.run("render", "dashboard", "two.yaml", "--name", "door")

    assert (none.code, none.err) == (
        3,
        "Error: no document of kind Dashboard in the file; there is: none\n",
    )
    assert two.code == 2
    assert "2 dashboards (wall, door): say which by --name" in two.err
    assert (other.code, other.err) == (3, "Error: no dashboard floor in the file; there is: wall, door\n")
    assert chosen.document["uid"] == "door"


async def test_a_note_says_what_will_stay_empty(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "wall.yaml").write_text(DASHBOARD.replace("rlm_server_up{", "rlm_sever_up{"))

    ended = await rlm_ha.run("render", "dashboard", "wall.yaml")

    assert ended.code == 0
    assert ended.err == (
        "note: nobody exports rlm_sever_up, so 'Up' lacks it; docs/metrics.md has what there is\n"
    )


async def test_alerts_are_asked_for_where_there_are_none(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "wall.yaml").write_text(DASHBOARD.partition("  alerts:")[0])

    ended = await rlm_ha.run("render", "rules", "wall.yaml")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Error: wall.yaml: wall has no alerts: write them under spec.alerts\n"
