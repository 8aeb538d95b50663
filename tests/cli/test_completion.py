import asyncio
import contextlib
import shlex
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from rlm_exporter.cli.names import PATIENCE
from tests.cli.command import COMMAND, CommandLine, Ended, environment
from tests.cli.daemon import FixedDaemon, Handler, fixed, hang_up, problem
from tests.cli.documents import Document
from tests.cli.terminal import Terminal, on_terminal, plain

TARGETS = "/api/v1/sd"


def target(cluster: str, server: str | None = None) -> Document:
    if server is None:
        return {"targets": [cluster], "labels": {"cluster": cluster}}
    meta = {"__meta_rlm_ha_host": f"{server}.example.com", "__meta_rlm_ha_role": "primary"}
    return {"targets": [f"{cluster}/{server}"], "labels": {"cluster": cluster, "server": server, **meta}}


async def discovery(request: web.Request) -> web.StreamResponse:
    """Two clusters, one with three servers."""
    if request.query["by"] == "cluster":
        return web.json_response([target("north"), target("south")])
    names = ("rlm1", "rlm2", "spare") if request.query.get("cluster") == "north" else ()
    return web.json_response([target("north", name) for name in names])


async def completed(rlm_ha: CommandLine, line: str, **variables: str) -> Ended:
    """What the shell gets for the last word of the line, as bash asks for it."""
    words = line.split(" ")
    return await rlm_ha.run(
        _RLM_HA_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), **variables
    )


def words_of(ended: Ended) -> list[str]:
    assert (ended.code, ended.err) == (0, "")
    return [line.removeprefix("plain,") for line in ended.out.splitlines() if line]


ROWS = {
    "rlm-ha licenses primary ": ["north", "south"],
    "rlm-ha licenses primary n": ["north"],
    "rlm-ha licenses monitor s": ["south"],
    "rlm-ha license-servers status ": ["north", "south"],
    "rlm-ha watch so": ["south"],
    "rlm-ha licenses failover north --to ": ["rlm1", "rlm2", "spare"],
    "rlm-ha licenses failover north --to=rl": ["rlm1", "rlm2"],
    "rlm-ha licenses failover north --to = rl": ["rlm1", "rlm2"],
    "rlm-ha licenses failover north --to =": ["rlm1", "rlm2", "spare"],
    "rlm-ha licenses failover north --reason = x --to = s": ["spare"],
    "rlm-ha licenses switchover north --to rlm2 --from rl": ["rlm1", "rlm2"],
    "rlm-ha licenses maintenance north --server sp": ["spare"],
    "rlm-ha ship-log x.rl --cluster ": ["north", "south"],
    "rlm-ha ship-log x.rl --cluster north --server s": ["spare"],
    "rlm-ha licenses failover elsewhere --to ": [],
    "rlm-ha licenses failover --to ": [],
    "rlm-ha licenses events -o j": ["json"],
    "rlm-ha completion ": ["bash", "zsh", "fish"],
    "rlm-ha wat": ["watch"],
}


@pytest.mark.parametrize(("line", "words"), ROWS.items(), ids=ROWS)
async def test_names_are_those_that_the_daemon_has(
    line: str, words: list[str], daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", TARGETS, discovery)
    assert words_of(await completed(rlm_ha, line, RLM_HA_URL=daemon.url)) == words


async def test_the_daemon_is_the_one_that_the_line_names(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", TARGETS, discovery)
    named = f"rlm-ha licenses primary --url {daemon.url} "
    assert words_of(await completed(rlm_ha, named)) == ["north", "south"]
    folder = rlm_ha.home / ".config" / "rlm-ha"
    folder.mkdir(parents=True)
    (folder / "site.token").write_text("s3cret\n")
    (folder / "profiles.toml").write_text(f'[site]\nurl = "{daemon.url}"\ntoken_file = "site.token"\n')
    assert words_of(await completed(rlm_ha, "rlm-ha -p site licenses primary n")) == ["north"]
    assert daemon.requests[-1].headers["Authorization"] == "Bearer s3cret"


async def say_nothing(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("waited for ever")


async def not_json(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>", content_type="text/html")


SILENT: dict[str, Handler] = {
    "hangs up": hang_up,
    "refuses": problem(401, "unauthorized", "no token"),
    "is something else": not_json,
    "has another shape": fixed({"clusters": []}),
    "has another list": fixed([{"labels": {}}]),
}


@pytest.mark.parametrize("verbose", ["", "-v "])
@pytest.mark.parametrize("answer", SILENT.values(), ids=SILENT)
async def test_whoever_does_not_answer_rightly_gives_no_words_and_no_noise(
    answer: Handler, verbose: str, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", TARGETS, answer)
    assert (
        words_of(await completed(rlm_ha, f"rlm-ha licenses primary {verbose}", RLM_HA_URL=daemon.url)) == []
    )


async def test_nobody_there_and_a_broken_profile_are_silent_too(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    await daemon.stop()
    assert words_of(await completed(rlm_ha, "rlm-ha licenses primary ", RLM_HA_URL=daemon.url)) == []
    assert words_of(await completed(rlm_ha, "rlm-ha licenses primary ", RLM_HA_URL="nonsense")) == []
    assert words_of(await completed(rlm_ha, "rlm-ha -p missing licenses primary ")) == []


async def test_the_keyboard_does_not_wait_for_a_daemon_that_hangs(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", TARGETS, say_nothing)
    began = time.monotonic()
    assert words_of(await completed(rlm_ha, "rlm-ha licenses primary ", RLM_HA_URL=daemon.url)) == []
    # Far below the limit of every other command (15 s), and not so near to ours that a busy machine matters.
    assert PATIENCE <= time.monotonic() - began < PATIENCE + 10


async def test_an_answer_cannot_put_more_than_a_name_on_the_line(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    evil = ["$(reboot)", "a b", "a\nplain,b", "*", "-rf", "a;b", "\x1b[2J", "", "fine"]
    daemon.on("GET", TARGETS, fixed([target(name) for name in evil]))
    assert words_of(await completed(rlm_ha, "rlm-ha licenses primary ", RLM_HA_URL=daemon.url)) == ["fine"]


HELPFUL = [
    ("zsh", "rlm1", "plain\nrlm1\nrlm1.example.com"),
    ("zsh", "--to=sp", "plain\n--to=spare\nspare.example.com"),
    ("fish", "rlm1", "plain,rlm1\trlm1.example.com"),
    ("fish", "--to=sp", "plain,--to=spare\tspare.example.com"),
]


@pytest.mark.parametrize(("shell", "last", "line"), HELPFUL, ids=[f"{row[0]} {row[1]}" for row in HELPFUL])
async def test_shells_that_show_help_show_a_servers_host(
    shell: str, last: str, line: str, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", TARGETS, discovery)
    words = ["rlm-ha", "licenses", "failover", "north", *([] if "=" in last else ["--to"]), last]
    ended = await rlm_ha.run(
        _RLM_HA_COMPLETE=f"{shell}_complete",
        COMP_WORDS=" ".join(words),
        COMP_CWORD=last if shell == "fish" else str(len(words) - 1),
        RLM_HA_URL=daemon.url,
    )
    assert (ended.out, ended.err) == (f"{line}\n", "")


# ---- the script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_the_script_is_for_our_name_and_asks_us(shell: str, rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert f"_RLM_HA_COMPLETE={shell}_complete" in ended.out
    assert "rlm-ha" in ended.out


async def test_a_shell_that_we_do_not_know_is_usage(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("completion", "tcsh")
    assert (ended.code, ended.out) == (2, "")
    assert "'bash', 'zsh', 'fish'" in ended.err


async def test_the_script_needs_none_of_the_heavy_imports(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("completion", "bash", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert not loaded & {"requests", "rich", "yaml", "aiohttp", "sqlalchemy"}


@contextlib.asynccontextmanager
async def bash(rlm_ha: CommandLine, daemon: FixedDaemon) -> AsyncIterator[Terminal]:
    """An interactive bash whose .bashrc has the line of our help."""
    program = rlm_ha.home / "bin" / "rlm-ha"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    (rlm_ha.home / ".bashrc").write_text('eval "$(rlm-ha completion bash)"\nPS1="READY "\n')
    variables = environment(rlm_ha.home, {"RLM_HA_URL": daemon.url, "TERM": "dumb", "INPUTRC": "/dev/null"})
    variables["PATH"] = f"{program.parent}:{variables['PATH']}"
    async with on_terminal(
        "bash", "--noprofile", "-i", home=rlm_ha.home, variables=variables, columns=200
    ) as terminal:
        await terminal.until(lambda text: text.endswith("READY "))
        yield terminal


async def test_a_real_bash_completes_command_cluster_and_server(
    daemon: FixedDaemon, rlm_ha: CommandLine, tmp_path: Path
) -> None:
    daemon.on("GET", TARGETS, discovery)
    async with bash(rlm_ha, daemon) as terminal:
        for keys, line in (
            ("rlm-ha licenses failo\t", "rlm-ha licenses failover "),
            ("no\t", "rlm-ha licenses failover north "),
            ("--t\t", "rlm-ha licenses failover north --to "),
            ("sp\t", "rlm-ha licenses failover north --to spare "),
        ):
            terminal.type(keys)
            await terminal.until(lambda text, line=line: plain(text).endswith(f"READY {line}"))  # type: ignore[misc]


async def test_a_real_bash_lists_what_fits_when_several_do(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", TARGETS, discovery)
    async with bash(rlm_ha, daemon) as terminal:
        terminal.type("rlm-ha licenses failover north --to=r\t")
        await terminal.until(lambda text: plain(text).endswith("--to=rlm"))
        terminal.type("\t\t")
        text = await terminal.until(
            lambda text: text.count("READY ") == 2 and plain(text).endswith("--to=rlm")
        )
    assert plain(text).splitlines()[-2].split() == ["rlm1", "rlm2"]


async def test_a_real_bash_stays_quiet_where_the_daemon_is_away(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    await daemon.stop()
    async with bash(rlm_ha, daemon) as terminal:
        terminal.type("rlm-ha licenses primary n\tx")
        text = await terminal.until(lambda text: "x" in text.rpartition("READY ")[2])
    assert plain(text).rpartition("READY ")[2] == "rlm-ha licenses primary nx"
