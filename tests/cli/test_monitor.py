import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.client import Answer
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.looking import Look
from rlm_exporter.cli.manners import Format, Manners
from rlm_exporter.cli.monitor import ChangeTeller
from tests.cli.command import COMMAND, LIMIT, CommandLine, Ended, end_of, environment
from tests.cli.daemon import FixedDaemon, fixed, hang_up, problem
from tests.cli.documents import (
    CLUSTER,
    Document,
    crowded_status,
    down,
    license_view,
    operation,
    server,
    status,
)
from tests.cli.terminal import on_terminal, plain
from tests.cli.test_looking import Clock

PATH = f"/api/v1/clusters/{CLUSTER}"
MONITOR = ("licenses", "monitor", CLUSTER)
FOLLOW = (*MONITOR, "--follow", "--interval", "100ms")


def rlm3_down() -> Document:
    return status(servers=[*status()["servers"][:2], server("rlm3", role="backup", license=down())])


@contextlib.asynccontextmanager
async def following(
    rlm_ha: CommandLine, daemon: FixedDaemon, *words: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """It runs until it is ended, here at the latest."""
    process = await rlm_ha.start(*FOLLOW, *words, RLM_HA_URL=daemon.url)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def interrupted(process: asyncio.subprocess.Process) -> Ended:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)
    return await end_of(process)


async def next_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        return (await process.stdout.readline()).decode()


async def line_with(process: asyncio.subprocess.Process, words: str) -> str:
    line = "-"
    while line and words not in line:
        line = await next_line(process)
    return line


async def next_document(process: asyncio.subprocess.Process) -> dict[str, Any]:
    document = json.loads(await next_line(process))
    assert isinstance(document, dict)
    return document


# ---- once


@pytest.mark.row(9)
@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
async def test_once_the_exit_code_is_the_health(
    healthy: bool, code: int, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(status(healthy=healthy)))
    ended = await rlm_ha.run(*MONITOR, RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (code, "")
    assert ended.out.startswith(f"{CLUSTER}  {'healthy' if healthy else 'unhealthy'}  ready")


async def test_the_web_interfaces_are_left_out_unless_asked_for(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(status()))
    without = (await rlm_ha.run(*MONITOR, RLM_HA_URL=daemon.url)).out
    included = (await rlm_ha.run(*MONITOR, "--include-web", RLM_HA_URL=daemon.url)).out
    assert "web" not in without.lower()
    assert without.splitlines()[2].split() == [
        "rlm1",
        "primary",
        "down:",
        "refused",
        "x4",
        "-",
        "-",
        "3",
        "s",
        "-",
    ]
    assert "WEB" in included
    assert "web: connection refused" in included


async def test_json_and_yaml_are_one_picture(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(status()))
    picture = (await rlm_ha.run(*MONITOR, "-j", RLM_HA_URL=daemon.url)).document
    at = picture.pop("at")
    expected = {key: status()[key] for key in ("taken_at", "healthy", "ready", "not_ready_because")}
    expected |= {key: status()[key] for key in ("active", "active_host", "epoch")}
    assert at.endswith("Z")
    assert {key: value for key, value in picture.items() if key != "servers"} == {
        "kind": "picture",
        "cluster": CLUSTER,
        **expected,
    }
    kept = ("name", "role", "host", "port", "active", "license", "isvs", "seats", "pinned", "balancers")
    assert picture["servers"] == [{key: each[key] for key in kept} for each in status()["servers"]]

    ended = await rlm_ha.run(*MONITOR, "--include-web", "-o", "yaml", RLM_HA_URL=daemon.url)
    document = yaml.safe_load(ended.out)
    assert [each["web"] for each in document["servers"]] == [each["web"] for each in status()["servers"]]
    assert document["servers"][0]["seats"] is None


async def test_nothing_wraps_at_80_columns(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(crowded_status()))
    ended = await rlm_ha.run(*MONITOR, "--include-web", RLM_HA_URL=daemon.url)
    assert len(ended.out.splitlines()) <= 24
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "\x1b" not in ended.out


@pytest.mark.parametrize("follow", [(), ("--follow",)])
async def test_an_unknown_cluster_is_3_and_a_daemon_that_is_not_there_5(
    follow: tuple[str, ...], daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, problem(404, "unknown_cluster", "no such cluster; known: a, b"))
    unknown = await rlm_ha.run(*MONITOR, *follow, RLM_HA_URL=daemon.url)
    assert (unknown.code, unknown.out, unknown.err) == (3, "", "Error: no such cluster; known: a, b\n")
    await daemon.stop()
    away = await rlm_ha.run(*MONITOR, *follow, RLM_HA_URL=daemon.url)
    assert (away.code, away.out) == (5, "")
    assert "Does `rlm-ha serve` run there?" in away.err


@pytest.mark.parametrize("words", [("--interval", "1s"), ("--follow", "--interval", "0s")])
async def test_an_interval_that_has_no_sense_is_usage(words: tuple[str, ...], rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run(*MONITOR, *words)
    assert (ended.code, ended.out) == (2, "")
    assert "--interval" in ended.err


# ---- followed


async def test_each_change_is_a_line_of_json_until_ctrl_c(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(status()), fixed(status()), fixed(rlm3_down()))
    async with following(rlm_ha, daemon, "-j") as process:
        picture, change = await next_document(process), await next_document(process)
        ended = await interrupted(process)
    assert (ended.code, ended.out, ended.err) == (130, "", "")
    assert picture["kind"] == "picture"
    assert change.pop("at") > picture["at"]
    assert change == {
        "kind": "change",
        "cluster": CLUSTER,
        "subject": "server",
        "name": "rlm3",
        "facet": "license",
        "from": "up",
        "to": "down (refused)",
        "detail": "rlm1.example.com:5053: connection refused",
    }


async def test_a_pipe_gets_whole_lines_without_colour(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    long = (
        "a reason that is far longer\nthan any line of a terminal with eighty columns could ever hold \x1b[2J"
    )
    ill = status(
        servers=[*status()["servers"][:2], server("rlm3", role="backup", license=license_view(degraded=long))]
    )
    daemon.on("GET", PATH, fixed(status()), fixed(ill))
    async with following(rlm_ha, daemon) as process:
        first, change = await next_line(process), await line_with(process, "->")
        assert (await interrupted(process)).code == 130
    assert first.startswith(f"{CLUSTER}  healthy")
    shown = long.replace("\n", " ").replace("\x1b", "?")
    assert change[19:] == f"  rlm3          license    up -> up, degraded  {shown}\n"


async def test_a_restart_of_the_daemon_is_said_once_and_no_change_is_lost(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    starting = problem(503, "not_ready", "not ready yet")
    daemon.on("GET", PATH, fixed(status()), hang_up, hang_up, starting, fixed(rlm3_down()))
    async with following(rlm_ha, daemon, "-j") as process:
        documents = [await next_document(process) for _ in range(4)]
        ended = await interrupted(process)
    assert (ended.code, ended.err) == (130, "")
    assert [each["kind"] for each in documents] == ["picture", "lost", "back", "change"]
    assert "no answer from the daemon" in documents[1]["detail"]
    assert documents[2]["lost_at"] == documents[1]["at"]
    assert documents[3]["to"] == "down (refused)"


async def test_people_read_of_a_restart_beside_the_data(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(status()), hang_up, hang_up, fixed(rlm3_down()))
    async with following(rlm_ha, daemon) as process:
        change = await line_with(process, "->")
        ended = await interrupted(process)
    assert "up -> down (refused)" in change
    lost, back = ended.err.splitlines()
    assert "Asking again until there is an answer: no answer from the daemon" in lost
    assert "The daemon answers again, after" in back


async def test_a_cluster_that_is_gone_after_a_restart_ends_it_with_3(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(status()), hang_up, problem(404, "unknown_cluster", "no such cluster"))
    ended = await rlm_ha.run(*FOLLOW, "-j", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (3, "Error: no such cluster\n")
    assert [json.loads(line)["kind"] for line in ended.out.splitlines()] == ["picture", "lost"]


async def test_yaml_is_a_stream_of_documents(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(status()), fixed(rlm3_down()), problem(404, "unknown_cluster", "gone"))
    ended = await rlm_ha.run(*FOLLOW, "-o", "yaml", RLM_HA_URL=daemon.url)
    assert [each["kind"] for each in yaml.safe_load_all(ended.out)] == ["picture", "change"]


async def test_a_reader_that_goes_away_ends_it(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(status()), fixed(rlm3_down()), fixed(status()), fixed(rlm3_down()))
    line = " ".join((*COMMAND, *FOLLOW, "-j", "|", "head", "-n", "1"))
    process = await asyncio.create_subprocess_exec(
        *("bash", "-o", "pipefail", "-c", line),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(rlm_ha.home, {"RLM_HA_URL": daemon.url}),
    )
    ended = await end_of(process)
    assert ended.err == ""
    assert json.loads(ended.out)["kind"] == "picture"


async def test_a_terminal_gets_colour_and_no_line_that_wraps(
    daemon: FixedDaemon, rlm_ha: CommandLine, tmp_path: Path
) -> None:
    long = operation(
        id=13, reason="a sentence that is far longer than a terminal with eighty columns could hold"
    )
    moved = status(failover=status()["failover"] | {"last_operation": long})
    daemon.on("GET", PATH, fixed(status()), fixed(moved))
    variables = environment(tmp_path, {"RLM_HA_URL": daemon.url, "TERM": "xterm-256color"})
    async with on_terminal(*COMMAND, *FOLLOW, home=tmp_path, variables=variables) as terminal:
        text = await terminal.until(lambda text: "operation 13" in text and text.endswith("\n"))
        terminal.type("\x03")
        assert await terminal.end() == 130
    assert "\x1b[32m" in text
    lines = plain(text).splitlines()
    assert lines[-1].endswith("…")
    assert max(map(len, lines)) <= 80
    assert "Traceback" not in terminal.text


# ---- the heartbeat, without waiting a minute for it


def tell_for(seconds: int, *, every: int, manners: Manners, change_at: int = -1) -> None:
    clock = Clock()
    pace = clock.pace(timedelta(seconds=every))
    teller = ChangeTeller(CLUSTER, include_web=False, pace=pace, manners=manners)
    for second in range(0, seconds + 1, every):
        document = rlm3_down() if second >= change_at >= 0 else status()
        answer = Answer(value=decode(ClusterStatus, document), document=document)
        teller.tell(Look(at=clock.now, answer=answer))
        pace.wait()


def kinds(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(each["kind"], each["at"][11:19]) for each in documents]


def test_a_minute_without_a_line_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    tell_for(130, every=10, manners=Manners(output=Format.JSON))
    assert kinds(capsys) == [("picture", "09:00:00"), ("heartbeat", "09:01:00"), ("heartbeat", "09:02:00")]


def test_any_line_begins_the_minute_anew(capsys: pytest.CaptureFixture[str]) -> None:
    tell_for(100, every=10, manners=Manners(output=Format.JSON), change_at=30)
    assert kinds(capsys) == [("picture", "09:00:00"), ("change", "09:00:30"), ("heartbeat", "09:01:30")]


def test_a_heartbeat_says_who_is_active_and_how_old_the_picture_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    tell_for(60, every=60, manners=Manners(output=Format.JSON))
    beat = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert beat == {
        "kind": "heartbeat",
        "at": "2025-11-25T09:01:00.000Z",
        "cluster": CLUSTER,
        "active": "rlm2",
        "healthy": True,
        "up": ["rlm2", "rlm3"],
        "down": ["rlm1"],
        "unknown": [],
        "oldest_check_seconds": 3.1,
    }
    tell_for(60, every=60, manners=Manners())
    assert capsys.readouterr().out.splitlines()[-1] == (
        "2025-11-25 09:01:00  heartbeat     rlm2 is active, 2 of 3 servers up, last checks 3 s ago"
    )
