"""`rlm-ha check` as its users run it."""

import pytest

from tests.cli.command import ROOT, CommandLine
from tests.manifest.dashboards import DASHBOARD
from tests.manifest.manifests import PAGE, SECOND, SHORT

EXAMPLE = ROOT / "examples" / "rlm-ha-cluster.yaml"
BROKEN = ROOT / "tests" / "data" / "manifests" / "broken"


@pytest.mark.row(1)
async def test_the_printed_manifest_is_valid(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm-ha-cluster.yaml").write_text(PAGE)

    ended = await rlm_ha.run("check", "rlm-ha-cluster.yaml")

    assert ended.code == 0
    assert ended.out == "rlm-ha-cluster.yaml: valid: cluster rlm-ha-cluster, 3 servers\n"
    assert ended.err == (
        "rlm-ha-cluster.yaml: note: there is no load balancer: a failover runs hooks and publishes new "
        "client settings, and clients that are connected stay where they are\n"
        "rlm-ha-cluster.yaml: note: there are neither clientSettings.files nor hooks, so a move is told to "
        "nobody\n"
    )


@pytest.mark.row(1)
@pytest.mark.row(2)
async def test_every_problem_is_a_line_of_stdout_and_the_exit_code_is_1(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "one.yaml").write_text(SHORT.replace("type: rlm", "type: flexlm") + SECOND)
    (rlm_ha.home / "two.yaml").write_text(SHORT.replace("host:", "hots:"))

    ended = await rlm_ha.run("check", "one.yaml", "two.yaml", "three.yaml")

    assert (ended.code, ended.err) == (1, "")
    assert [line.split(": ")[:2] for line in ended.out.splitlines()] == [
        ["three.yaml", "cannot be read"],
        ["one.yaml:6", "spec.type"],
        ["two.yaml:4", "metadata.name"],
        ["two.yaml:9", "spec.highAvailability.primary.hots"],
    ]


async def test_json_has_each_problem_in_its_parts(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("check", "-j", str(BROKEN / "timeout-above-interval.yaml"))

    assert ended.code == 1
    assert ended.document == {
        "valid": False,
        "problems": [
            {
                "source": str(BROKEN / "timeout-above-interval.yaml"),
                "line": 16,
                "path": "spec.monitoring.healthCheck.timeout",
                "text": "40s is longer than interval (30s); make it shorter",
            }
        ],
        "clusters": [],
        "settings": None,
        "dashboards": [],
    }


async def test_json_has_what_was_found_valid(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "settings.yaml").write_text("apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {}\n")
    (rlm_ha.home / "nuke.yaml").write_text(SHORT)

    ended = await rlm_ha.run("check", ".", "--json")

    assert ended.code == 0
    [cluster] = ended.document["clusters"]
    assert (cluster["name"], cluster["source"], cluster["servers"]) == ("nuke", "nuke.yaml", ["rlm1"])
    assert cluster["notes"][0] == "there is one server, so nothing can be moved anywhere"
    assert ended.document["settings"] == "settings.yaml"


@pytest.mark.row(39)
async def test_a_dashboards_document_is_checked_like_any_other(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "wall.yaml").write_text(DASHBOARD)

    ended = await rlm_ha.run("check", "wall.yaml")
    told = await rlm_ha.run("check", "wall.yaml", "--json")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "wall.yaml: valid: dashboard wall, 5 panels, 2 alerts\n"
    assert told.document["dashboards"] == [{"name": "wall", "source": "wall.yaml", "panels": 5, "alerts": 2}]


async def test_without_a_file_it_says_how_it_is_used(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("check")

    assert ended.code == 2
    assert "FILE" in ended.err


async def test_a_file_name_cannot_steer_the_terminal(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("check", "\x1b[2J.yaml")

    assert (ended.code, ended.out.split(":")[0]) == (1, "?[2J.yaml")
