import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, CommandLine, environment
from tests.cli.daemon import FixedDaemon, fixed, hang_up, problem
from tests.cli.documents import CLUSTER, Document, crowded_status, status
from tests.cli.terminal import Terminal, on_terminal

PATH = f"/api/v1/clusters/{CLUSTER}"
TARGETS = "/api/v1/sd"
WATCH = ("watch", CLUSTER, "--interval", "100ms")
CURSOR = "\x1b[?25h"
LEAVE = "\x1b[?1049l"
"""Both give the terminal back as it was."""


def variables(home: Path, daemon: FixedDaemon, **more: str) -> dict[str, str]:
    return environment(home, {"RLM_HA_URL": daemon.url, "TERM": "xterm-256color", "NO_COLOR": "1", **more})


def target(name: str) -> Document:
    return {"targets": [name], "labels": {"cluster": name}}


async def screen_with(terminal: Terminal, claim: Callable[[list[str]], bool]) -> list[str]:
    # The newest may not be whole yet; the one before it is.
    await terminal.until(lambda _: any(claim(each) for each in terminal.screens[:-1]))
    return next(each for each in terminal.screens[:-1] if claim(each))


@pytest.mark.row(9)
@pytest.mark.parametrize("document", [status(), crowded_status()], ids=["calm", "crowded"])
async def test_the_status_fills_one_screen_until_ctrl_c(
    document: Document, daemon: FixedDaemon, tmp_path: Path
) -> None:
    daemon.on("GET", PATH, fixed(document))
    async with on_terminal(
        *COMMAND, *WATCH, home=tmp_path, variables=variables(tmp_path, daemon)
    ) as terminal:
        screen = await screen_with(terminal, lambda screen: "Decision" in "".join(screen))
        terminal.type("\x03")
        assert await terminal.end() == 130
    assert screen[0].startswith(document["name"])
    assert len(screen) <= 24
    assert max(map(len, screen)) <= 80
    assert any(line.startswith("Decision") for line in screen)
    assert terminal.text.endswith(CURSOR + LEAVE)
    assert "Traceback" not in terminal.text


async def test_it_goes_on_over_a_restart_and_claims_nothing_meanwhile(
    daemon: FixedDaemon, tmp_path: Path
) -> None:
    moved = status(active="rlm3", active_host="rlm3.example.com")
    away = [hang_up] * 5
    daemon.on("GET", PATH, fixed(status()), *away, fixed(moved))
    async with on_terminal(
        *COMMAND, *WATCH, home=tmp_path, variables=variables(tmp_path, daemon)
    ) as terminal:
        missing = await screen_with(terminal, lambda screen: "NO ANSWER" in screen[0])
        back = await screen_with(terminal, lambda screen: "rlm3 (rlm3.example.com)" in "".join(screen))
        terminal.type("\x03")
        assert await terminal.end() == 130
    assert "this is from before" in missing[0]
    assert "healthy" not in missing[0]
    assert len(missing[0]) <= 80
    assert any("rlm2 (rlm2.example.com)" in line for line in missing)
    assert back[0].startswith(f"{CLUSTER}  healthy  ready")


async def test_a_cluster_that_is_gone_is_read_on_the_terminal_as_it_was(
    daemon: FixedDaemon, tmp_path: Path
) -> None:
    daemon.on("GET", PATH, fixed(status()), problem(404, "unknown_cluster", "no such cluster"))
    async with on_terminal(
        *COMMAND, *WATCH, home=tmp_path, variables=variables(tmp_path, daemon)
    ) as terminal:
        assert await terminal.end() == 3
    assert "Error: no such cluster" in terminal.text.partition(LEAVE)[2]


async def test_sigterm_gives_the_terminal_back(daemon: FixedDaemon, tmp_path: Path) -> None:
    daemon.on("GET", PATH, fixed(status()))
    async with on_terminal(
        *COMMAND, *WATCH, home=tmp_path, variables=variables(tmp_path, daemon)
    ) as terminal:
        await screen_with(terminal, lambda _: True)
        terminal.process.send_signal(signal.SIGTERM)
        assert await terminal.end() == 143
    assert LEAVE in terminal.text


async def test_the_only_cluster_needs_no_name(daemon: FixedDaemon, tmp_path: Path) -> None:
    daemon.on("GET", TARGETS, fixed([target(CLUSTER)]))
    daemon.on("GET", PATH, fixed(status()))
    async with on_terminal(
        *COMMAND, "watch", home=tmp_path, variables=variables(tmp_path, daemon)
    ) as terminal:
        await terminal.until(lambda text: "Decision" in text)
        terminal.type("\x03")
        assert await terminal.end() == 130


@pytest.mark.parametrize(
    ("names", "why"),
    [(("a", "b"), "give the cluster's name; known: a, b"), ((), "has no cluster")],
    ids=["several", "none"],
)
async def test_without_a_name_it_is_usage_unless_there_is_one(
    names: tuple[str, ...], why: str, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", TARGETS, fixed([target(name) for name in names]))
    ended = await rlm_ha.run("watch", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (2, "")
    assert why in ended.err


@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
async def test_without_a_terminal_it_is_the_status_once_and_says_why(
    healthy: bool, code: int, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", PATH, fixed(status(healthy=healthy)))
    once = await rlm_ha.run("watch", CLUSTER, RLM_HA_URL=daemon.url)
    plain = await rlm_ha.run("license-servers", "status", CLUSTER, "--show-ha", RLM_HA_URL=daemon.url)
    assert (once.code, once.out) == (code, plain.out)
    assert once.err == (
        "Not a terminal that can be drawn on; this is the status once. "
        f"To go on: rlm-ha licenses monitor {CLUSTER} --follow\n"
    )


async def test_a_terminal_that_knows_letters_alone_gets_it_once(daemon: FixedDaemon, tmp_path: Path) -> None:
    daemon.on("GET", PATH, fixed(status()))
    async with on_terminal(
        *COMMAND, *WATCH, home=tmp_path, variables=variables(tmp_path, daemon, TERM="dumb")
    ) as terminal:
        assert await terminal.end() == 0
    assert "\x1b" not in terminal.text
    assert "this is the status once" in terminal.text


async def test_json_is_the_daemons_document_once(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", PATH, fixed(status()))
    ended = await rlm_ha.run("watch", CLUSTER, "-j", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.document) == (0, status())
    assert "json is not drawn live" in ended.err


async def test_a_daemon_that_is_not_there_is_5(daemon: FixedDaemon, tmp_path: Path) -> None:
    await daemon.stop()
    async with on_terminal(
        *COMMAND, *WATCH, home=tmp_path, variables=variables(tmp_path, daemon)
    ) as terminal:
        assert await terminal.end() == 5
    assert "Does `rlm-ha serve` run there?" in terminal.text.replace("\r\n", " ")
    assert LEAVE not in terminal.text
