"""`rlm-ha cluster config` against fixed answers."""

from typing import Any

import pytest

from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon, fixed, problem

PATH = "/api/v1/clusters/site/client-config"
SD = "/api/v1/sd"
LB = "5053@rlm-lb.example.com"
ONE, TWO, THREE = (f"5053@rlm{number}.example.com" for number in (1, 2, 3))


def config(**changes: Any) -> dict[str, Any]:
    known = {
        "cluster": "site", "active": "rlm2", "license_servers": [], "license_failover_enabled": True,
        "license_redundancy_mode": "active-passive", "set_by": None, "reason": None, "set_at": None,
        "jobs": {"servers": [TWO, ONE, THREE], "isvs": ["siemens"], "connect_timeout_seconds": 5},
        "files": [{"path": "/srv/rlm.sh", "format": "sh", "trouble": None}], "remarks": [],
    }  # fmt: skip
    return known | changes


def updated(result: str = "changed", **changes: Any) -> dict[str, Any]:
    difference = {"name": "RLM_LICENSE", "from": TWO, "to": f"{TWO} {ONE} {THREE}"}
    return {"result": result, "changes": [difference], "config": config(**changes)}


def knows(daemon: FixedDaemon, *names: str) -> None:
    daemon.on("GET", SD, fixed([{"targets": ["x"], "labels": {"cluster": name}} for name in names]))


@pytest.mark.row(25)
async def test_the_guides_command_needs_no_clusters_name(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    knows(daemon, "site")
    daemon.on("PUT", PATH, fixed(updated()))
    ended = await rlm_ha.run(
        *("cluster", "config", "update", "--license-servers", LB, "--license-failover-enabled", "true"),
        *("--license-redundancy-mode", "active-passive"),
        RLM_HA_URL=daemon.url,
    )
    assert (ended.code, ended.err) == (0, "")
    body = daemon.bodies[-1]
    assert body.pop("requested_by")
    assert body == {
        "license_servers": LB,
        "license_failover_enabled": True,
        "license_redundancy_mode": "active-passive",
        "dry_run": False,
        "reason": "",
    }
    assert ended.out.splitlines()[:2] == ["site: changed", "WHAT         FROM                   TO"]
    assert [line.split() for line in ended.out.splitlines()[2:]] == [
        ["RLM_LICENSE", TWO, TWO, ONE],
        [THREE],
    ], "no line is cut, and none is broken within a server's name"


async def test_several_clusters_need_a_name_and_a_list_may_be_one(
    rlm_ha: CommandLine, daemon: FixedDaemon
) -> None:
    knows(daemon, "site", "lab")
    daemon.on("PUT", PATH, fixed(updated("unchanged") | {"changes": []}))
    which = await rlm_ha.run("cluster", "config", "show", RLM_HA_URL=daemon.url)
    assert which.code == 2
    assert "the daemon has 2 clusters (site, lab): say which by --cluster" in which.err
    for words in (("--license-servers", "site"), ("--license-servers", "rlm1", "--cluster", "site")):
        ended = await rlm_ha.run("cluster", "config", "update", *words, RLM_HA_URL=daemon.url)
        assert (ended.code, ended.out) == (0, "site: unchanged\n")


async def test_a_dry_run_shows_the_difference_and_says_so(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("PUT", PATH, fixed(updated("plan", remarks=["several servers hold copies"])))
    words = ("cluster", "config", "update", "--license-failover-enabled", "disabled", "--cluster", "site")
    ended = await rlm_ha.run(*words, "--dry-run", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (0, "Note: several servers hold copies\n")
    assert ended.out.startswith("site: nothing was changed; this would become otherwise\n")
    assert (daemon.bodies[-1]["dry_run"], daemon.bodies[-1]["license_failover_enabled"]) == (True, False)
    as_json = await rlm_ha.run(*words, "--dry-run", "--json", RLM_HA_URL=daemon.url)
    assert as_json.document == updated("plan", remarks=["several servers hold copies"])


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(409, "unsafe_mode", 4), (409, "past_balancer", 4), (422, "unknown_server", 3), (422, "invalid", 2)],
)
async def test_a_refusal_is_told_in_the_daemons_words(
    rlm_ha: CommandLine, daemon: FixedDaemon, status: int, kind: str, code: int
) -> None:
    daemon.on("PUT", PATH, problem(status, kind, "because of that"))
    words = ("--license-redundancy-mode", "active-active", "--cluster", "site")
    ended = await rlm_ha.run("cluster", "config", "update", *words, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out, ended.err) == (code, "", "Error: because of that\n")


async def test_a_wish_for_nothing_and_a_word_that_is_no_switch_are_usage(rlm_ha: CommandLine) -> None:
    nothing = await rlm_ha.run("cluster", "config", "update", "--cluster", "site")
    assert nothing.code == 2
    assert "nothing is to be set" in nothing.err
    word = await rlm_ha.run("cluster", "config", "update", "--license-failover-enabled", "maybe")
    assert word.code == 2
    assert "maybe" in word.err


async def test_a_file_that_could_not_be_written_is_told_and_1(
    rlm_ha: CommandLine, daemon: FixedDaemon
) -> None:
    file = {"path": "/srv/rlm.sh", "format": "sh", "trouble": "/srv/rlm.sh: Permission denied"}
    daemon.on("PUT", PATH, fixed(updated(files=[file])))
    daemon.on("GET", PATH, fixed(config(files=[file])))
    update = ("update", "--license-servers", "rlm1")
    for words in (update, ("show",)):
        ended = await rlm_ha.run("cluster", "config", *words, "--cluster", "site", RLM_HA_URL=daemon.url)
        assert ended.code == 1
        assert ended.err == "Error: not written: /srv/rlm.sh: Permission denied\n"


async def test_what_jobs_get_is_shown_a_server_a_line(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    knows(daemon, "site")
    daemon.on("GET", PATH, fixed(config()))
    ended = await rlm_ha.run("cluster", "config", "show", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "cluster      site",
        "active       rlm2",
        f"jobs get     {TWO}",
        f"             {ONE}",
        f"             {THREE}",
        "as           RLM_LICENSE, siemens_LICENSE",
        "dead server  holds a checkout up for 5 s",
        "failover     enabled: told anew at each move, the active server first",
        "mode         active-passive",
        "set by       nobody: all is as the manifest has it",
        "files        /srv/rlm.sh (sh)",
    ]
    as_json = await rlm_ha.run("cluster", "config", "show", "-j", RLM_HA_URL=daemon.url)
    assert as_json.document == config()
    as_yaml = await rlm_ha.run("cluster", "config", "show", "-o", "yaml", RLM_HA_URL=daemon.url)
    assert as_yaml.out.startswith("cluster: site\n")


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("sh", f"export RLM_LICENSE={TWO}:{ONE}:{THREE}\n"),
        ("ps1", f"$env:siemens_LICENSE = '{TWO};{ONE};{THREE}'\r\n"),
        ("modulefile", f"setenv RLM_LICENSE {{{TWO}:{ONE}:{THREE}}}\n"),
        ("lua", f'setenv("siemens_LICENSE", "{TWO}:{ONE}:{THREE}")\n'),
        ("slurm", "echo 'export RLM_CONNECT_TIMEOUT=5'\n"),
    ],
)
@pytest.mark.row(24)
async def test_it_is_printed_for_programs(
    rlm_ha: CommandLine, daemon: FixedDaemon, form: str, line: str
) -> None:
    daemon.on("GET", PATH, fixed(config()))
    words = ("cluster", "config", "show", "--cluster", "site", "--format", form)
    ended = await rlm_ha.run(*words, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (0, "")
    assert line in ended.out
    both = await rlm_ha.run(*words, "--json", RLM_HA_URL=daemon.url)
    assert both.code == 2


async def test_nothing_is_printed_while_nobody_knows_who_is_active(
    rlm_ha: CommandLine, daemon: FixedDaemon
) -> None:
    daemon.on("GET", PATH, fixed(config(jobs=None, active=None)))
    words = ("cluster", "config", "show", "--cluster", "site")
    ended = await rlm_ha.run(*words, "--format", "sh", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (1, "")
    assert "who is active in site is not known yet" in ended.err
    shown = await rlm_ha.run(*words, RLM_HA_URL=daemon.url)
    assert shown.code == 1
    assert "jobs get    not known: nobody knows who is active" in shown.out
