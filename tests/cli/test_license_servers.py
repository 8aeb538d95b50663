from typing import Any

import pytest
import yaml

from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon, fixed, problem
from tests.cli.documents import CLUSTER, crowded_status, failover, operation, status

PATH = f"/api/v1/clusters/{CLUSTER}"


@pytest.mark.row(9)
@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
async def test_the_exit_code_is_the_health(
    healthy: bool, code: int, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(status(healthy=healthy)))
    ended = await rlm_ha.run("license-servers", "status", CLUSTER, "--show-ha", RLM_HA_URL=daemon.url)
    assert ended.code == code
    assert ended.err == ""
    assert ended.out.startswith(f"{CLUSTER}  {'healthy' if healthy else 'unhealthy'}  ready")


@pytest.mark.row(9)
async def test_json_and_yaml_are_the_daemons_document_as_it_is(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(crowded_status()))
    as_json = await rlm_ha.run("license-servers", "status", CLUSTER, "-j", RLM_HA_URL=daemon.url)
    as_yaml = await rlm_ha.run("license-servers", "status", CLUSTER, "-o", "yaml", RLM_HA_URL=daemon.url)
    assert as_json.document == crowded_status()
    assert yaml.safe_load(as_yaml.out) == crowded_status()
    assert (as_json.code, as_yaml.code) == (1, 1)


@pytest.mark.row(9)
async def test_a_pipe_gets_80_columns_and_no_colour(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(crowded_status()))
    ended = await rlm_ha.run("license-servers", "status", CLUSTER, "--show-ha", RLM_HA_URL=daemon.url)
    lines = ended.out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in ended.out


@pytest.mark.parametrize("words", [("license", "server", "status"), ("licenses", "status")])
async def test_the_other_words_for_it_do_the_same(
    words: tuple[str, ...], daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(status()))
    ended = await rlm_ha.run(*words, CLUSTER, "-j", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.document) == (0, status())


async def test_an_unknown_cluster_is_3_with_the_known_ones(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, problem(404, "unknown_cluster", "no such cluster; known: a, b"))
    ended = await rlm_ha.run("license-servers", "status", CLUSTER, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out, ended.err) == (3, "", "Error: no such cluster; known: a, b\n")


async def test_a_profile_brings_address_and_token(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    folder = rlm_ha.home / ".config" / "rlm-ha"
    folder.mkdir(parents=True)
    (folder / "site.token").write_text("s3cret\n")
    (folder / "profiles.toml").write_text(f'[site]\nurl = "{daemon.url}"\ntoken_file = "site.token"\n')
    daemon.on("GET", PATH, fixed(status()))
    ended = await rlm_ha.run("license-servers", "-p", "site", "status", CLUSTER, "-v")
    assert ended.code == 0
    assert daemon.requests[0].headers["Authorization"] == "Bearer s3cret"
    assert f"GET {daemon.url}{PATH}: 200" in ended.err
    assert "s3cret" not in ended.out + ended.err


async def test_a_proxy_is_not_asked_for_a_daemon_on_loopback(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(status()))
    ended = await rlm_ha.run(
        "license-servers",
        "status",
        CLUSTER,
        RLM_HA_URL=daemon.url,
        http_proxy="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
        ALL_PROXY="http://127.0.0.1:9",
    )
    assert ended.code == 0


async def test_the_list_has_those_that_need_somebody_first_and_says_why(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    quiet = failover(decision=decision("active_healthy", "rlm2 answers"), unacknowledged=0)
    clusters = [
        status(name="altair", failover=quiet),
        status(name="ansys", failover=failover(operation=operation(state="open"))),
        status(name="chaos", ready=False, not_ready_because=["no standby is healthy", "more"]),
        status(name="siemens", healthy=False, active=None, active_since=None, failover=quiet),
        status(name="vray", failover=failover(decision=decision("in_cooldown", "40 s are left"))),
    ]
    daemon.on("GET", "/api/v1/clusters", fixed({"clusters": clusters}))
    ended = await rlm_ha.run("license-servers", "list", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (1, "")
    assert [" ".join(line.split()) for line in ended.out.splitlines()] == [
        "CLUSTER STATE ACTIVE FOR UP NEWS",
        "siemens unhealthy - - 2/3",
        "chaos not ready rlm2 48 min 2/3 no standby is healthy",
        "altair healthy rlm2 48 min 2/3",
        "ansys healthy rlm2 48 min 2/3 failover to rlm2 is under way",
        "vray healthy rlm2 48 min 2/3 in_cooldown: 40 s are left",
    ]


async def test_the_list_fits_80_columns_and_is_the_daemons_document_as_json(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    document = {"clusters": [crowded_status(), status()]}
    daemon.on("GET", "/api/v1/clusters", fixed(document))
    ended = await rlm_ha.run("license-servers", "list", RLM_HA_URL=daemon.url)
    as_json = await rlm_ha.run("license-servers", "list", "-j", RLM_HA_URL=daemon.url)
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "failover to rlm2 is u" in ended.out
    assert as_json.document == document


async def test_a_daemon_without_clusters_has_a_list_that_says_so(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", "/api/v1/clusters", fixed({"clusters": []}))
    ended = await rlm_ha.run("license-servers", "list", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (0, "no clusters\n")


def decision(rule: str, detail: str) -> dict[str, Any]:
    return {"number": 9, "rule": rule, "detail": detail, "at": "2025-11-25T08:59:59.000Z"}
