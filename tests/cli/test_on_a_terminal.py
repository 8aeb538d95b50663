"""A move as an operator watches it: progress and colour on a terminal, and neither in a pipe."""

from pathlib import Path

import pytest

from tests.cli.command import COMMAND, CommandLine, environment
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.documents import CLUSTER, STEPS, open_operation, operation, status, step
from tests.cli.terminal import on_terminal, plain

BASE = f"/api/v1/clusters/{CLUSTER}"
MOVE = ("licenses", "failover", CLUSTER, "--to", "rlm2")
RUNNING = "verify       rlm2 ..."
ESCAPE = "\x1b"


@pytest.fixture
def moving(daemon: FixedDaemon) -> FixedDaemon:
    """A daemon with a move under way: its second step begins, then all is done."""
    begun = fixed({"result": "started", "operation": open_operation()}, status=202)
    daemon.on("POST", f"{BASE}/failover", begun)
    half = open_operation(STEPS[0], step(2, "verify", done_at=None, outcome=None))
    daemon.on("GET", f"{BASE}/operations/12", fixed(half), fixed(operation()))
    daemon.on("GET", BASE, fixed(status()))
    return daemon


def variables(home: Path, daemon: FixedDaemon, **more: str) -> dict[str, str]:
    return environment(home, {"RLM_HA_URL": daemon.url, "TERM": "xterm-256color", **more})


async def test_a_terminal_shows_the_step_that_runs_and_colours(moving: FixedDaemon, tmp_path: Path) -> None:
    async with on_terminal(*COMMAND, *MOVE, home=tmp_path, variables=variables(tmp_path, moving)) as terminal:
        await terminal.until(lambda text: RUNNING in plain(text))
        assert await terminal.end() == 0
    assert "\x1b[32mdone" in terminal.text
    lines = plain(terminal.text.replace("\r\x1b[K", "\n")).splitlines()
    assert [line for line in lines if line.startswith("  verify") and "done" in line]
    assert max(map(len, lines)) <= 80


async def test_without_colour_the_rest_is_the_same(moving: FixedDaemon, tmp_path: Path) -> None:
    async with on_terminal(
        *COMMAND, *MOVE, home=tmp_path, variables=variables(tmp_path, moving, NO_COLOR="1")
    ) as terminal:
        await terminal.until(lambda text: RUNNING in plain(text))
        assert await terminal.end() == 0
    assert "\x1b[32m" not in terminal.text


async def test_a_pipe_gets_the_ended_steps_alone_and_nothing_that_steers(
    moving: FixedDaemon, rlm_ha: CommandLine
) -> None:
    ended = await rlm_ha.run(*MOVE, RLM_HA_URL=moving.url, TERM="xterm-256color")

    assert ended.code == 0
    assert ESCAPE not in ended.out + ended.err
    assert RUNNING not in ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith("  verify")]) == 1
