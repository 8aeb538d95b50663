import asyncio
import os
import pty
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rlm_exporter import __version__
from rlm_exporter.cli import build_program
from rlm_exporter.cli.lazy import LazyCommand, LazyGroup
from rlm_exporter.cli.manners import current_manners, teach_manners
from rlm_exporter.cli.program import Program
from rlm_exporter.errors import ApiError, ManifestError
from tests.cli.command import COMMAND, ROOT, CommandLine, environment
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.documents import CLUSTER, status

HEAVY = ("rich", "requests", "yaml", "aiohttp", "sqlalchemy", "jinja2", "jsonschema", "asyncio")


def leaves(group: LazyGroup, path: tuple[str, ...] = ()) -> list[tuple[str, LazyCommand]]:
    found: list[tuple[str, LazyCommand]] = []
    for name, command in group.commands.items():
        if isinstance(command, LazyGroup):
            found += leaves(command, (*path, name))
        else:
            assert isinstance(command, LazyCommand)
            found.append((" ".join((*path, name)), command))
    return found


LEAVES = leaves(build_program())


@pytest.mark.parametrize("command", [leaf for _, leaf in LEAVES], ids=[name for name, _ in LEAVES])
def test_each_placeholder_stands_for_a_command(command: LazyCommand) -> None:
    loaded = command.load()
    assert loaded.help
    assert command.help


def test_the_console_script_is_the_program() -> None:
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["rlm-ha"]
    module, _, name = script.partition(":")
    assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("arguments", [["--help"], ["licenses", "--help"], ["simulate"]])
async def test_help_imports_click_and_little_else(arguments: list[str], rlm_ha: CommandLine) -> None:
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('LOADED', [name for name in {HEAVY!r} if name in sys.modules]))\n"
        f"sys.argv = ['rlm-ha', *{arguments!r}]\n"
        "from rlm_exporter.cli import main\n"
        "main()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(rlm_ha.home, {}),
    )
    out, err = await process.communicate()
    assert b"Commands:" in out + err
    assert out.decode().endswith("LOADED []\n")


async def test_json_needs_no_rich(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}", fixed(status()))
    ended = await rlm_ha.run(
        "-j", "license-servers", "status", CLUSTER, RLM_HA_URL=daemon.url, PYTHONPROFILEIMPORTTIME="1"
    )
    assert ended.code == 0
    loaded = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert "requests" in loaded
    assert not loaded & {"rich", "rich.console", "yaml", "aiohttp", "sqlalchemy", "jinja2"}


async def test_the_version_is_told(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("--version")
    assert (ended.code, ended.out) == (0, f"rlm-ha {__version__}\n")


async def test_a_wrong_word_is_usage_on_stderr(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("license-server")
    assert (ended.code, ended.out) == (2, "")
    assert "No such command 'license-server'" in ended.err


VERBS = (
    "primary",
    "monitor",
    "failover",
    "switchover",
    "failback",
    "pause",
    "resume",
    "ack",
    "maintenance",
    "update-health",
    "seats",
    "release",
    "usage",
    "who",
    "denials",
    "expiring",
    "report",
    "whatif",
    "config",
    "optimize",
    "export",
    "import",
    "events",
)


async def test_the_shell_completes_commands_without_loading_them(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run(
        _RLM_HA_COMPLETE="bash_complete",
        COMP_WORDS="rlm-ha licenses ",
        COMP_CWORD="2",
        PYTHONPROFILEIMPORTTIME="1",
    )
    assert ended.out.splitlines() == [f"plain,{word}" for word in VERBS]
    assert "requests" not in {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}


async def test_a_reader_that_goes_away_is_no_error(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}", fixed(status()))
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("-j", "license-servers", "status", CLUSTER),
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
        env=environment(rlm_ha.home, {"RLM_HA_URL": daemon.url}),
    )
    os.close(writer)
    _, err = await process.communicate()
    assert err == b""


# ---- the common options and errors, on a small program of its own


def program(action: click.Command) -> Program:
    teach_manners(action)
    return Program(
        commands={"group": LazyGroup(commands={"act": action}, help="A group.")}, help="A program."
    )


@click.command("act")
def tell_manners() -> None:
    """Print what is known of the manners."""
    manners = current_manners()
    click.echo(f"{manners.output} {manners.verbose} {manners.profile}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["group", "act"], "table False None"),
        (["-j", "group", "act"], "json False None"),
        (["group", "-o", "yaml", "act", "-v"], "yaml True None"),
        (["-o", "yaml", "group", "act", "--json"], "json False None"),
        (["-p", "outer", "group", "act", "--profile", "inner"], "table False inner"),
        (["-v", "group", "-p", "middle", "act"], "table True middle"),
    ],
)
def test_common_options_may_stand_anywhere_and_the_innermost_wins(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(program(tell_manners), arguments)
    assert (result.exit_code, result.output) == (0, f"{told}\n")


def test_two_runs_do_not_share_their_manners() -> None:
    CliRunner().invoke(program(tell_manners), ["-j", "-v", "group", "act"])
    assert CliRunner().invoke(program(tell_manners), ["group", "act"]).output == "table False None\n"


def test_a_command_keeps_the_letters_that_it_uses_itself() -> None:
    command = click.Command("act", params=[click.Option(["-p", "--port"])])
    teach_manners(command)
    teach_manners(command)
    words = [word for parameter in command.params for word in parameter.opts]
    assert words == ["-p", "--port", "-o", "--format", "-j", "--json", "-v", "--verbose"]


def failing(error: Exception) -> click.Command:
    @click.command("act")
    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ApiError("not there", status=404, exit_code=3), 3, "Error: not there\n"),
        (ManifestError(("a.yaml:1: one", "a.yaml:2: two")), 1, "Error: a.yaml:1: one\na.yaml:2: two\n"),
        (ApiError("\x1b[2Jgone", status=409, exit_code=4), 4, "Error: ?[2Jgone\n"),
    ],
)
def test_an_error_is_a_sentence_on_stderr_and_a_code(error: Exception, code: int, text: str) -> None:
    result = CliRunner().invoke(program(failing(error)), ["group", "act"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", text)


def test_verbose_adds_the_traceback() -> None:
    error = ApiError("not there", status=404, exit_code=3)
    result = CliRunner().invoke(program(failing(error)), ["group", "act", "-v"])
    assert result.exit_code == 3
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert result.stderr.endswith("Error: not there\n")


def test_a_command_may_return_its_exit_code() -> None:
    @click.command("act")
    def act() -> int:
        return 4

    assert CliRunner().invoke(program(act), ["group", "act"]).exit_code == 4


@pytest.mark.parametrize(("verbose", "has_traceback"), [("", False), ("-v", True)])
async def test_a_defect_of_ours_names_its_place(
    verbose: str, has_traceback: bool, rlm_ha: CommandLine
) -> None:
    code = (
        "import sys\n"
        "from rlm_exporter.cli import main\n"
        "import rlm_exporter.cli.license_servers as module\n"
        "module.connect = None\n"
        f"sys.argv = ['rlm-ha', *'license-servers status x {verbose}'.split()]\n"
        "main()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(rlm_ha.home, {}),
    )
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"'NoneType' object is not callable" in err
    assert b"license_servers.py" in err
    assert (b"Traceback" in err) is has_traceback


def read_terminal(descriptor: int) -> bytes:
    """All that a program wrote to its terminal, until it is gone."""
    text = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux tells of the closed other end so
            return text
        if not part:
            return text
        text += part


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
async def test_colour_is_only_for_a_terminal(
    no_color: str | None, coloured: bool, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}", fixed(status()))
    ours, theirs = pty.openpty()
    variables = {"RLM_HA_URL": daemon.url, "TERM": "xterm-256color", "COLUMNS": "80"}
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "license-servers",
        "status",
        CLUSTER,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=theirs,
        stderr=asyncio.subprocess.PIPE,
        env=environment(rlm_ha.home, variables | ({} if no_color is None else {"NO_COLOR": no_color})),
    )
    os.close(theirs)
    try:
        async with asyncio.timeout(30):
            text = await asyncio.to_thread(read_terminal, ours)
            assert await process.wait() == 0
    finally:
        os.close(ours)
    assert CLUSTER.encode() in text
    assert (b"\x1b[32m" in text) is coloured


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("completion", "bash"), ("check", str(ROOT / "examples" / "rlm-ha-cluster.yaml"))],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_is_no_defect_of_ours(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    told = "Error: standard output cannot be written: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, told)
