"""Every command's --help reads well in a terminal of 80 columns, and shows how the command is used."""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rlm_exporter.cli import build_program
from rlm_exporter.cli.lazy import LazyGroup
from tests.cli.test_program import LEAVES

FILE = re.compile(r"[\w.-]+\.(?:yaml|json|conf|lic|rl|1)")
WIDTH = 80
EXAMPLE = re.compile(r"^ {2,}((?:\S.* \| )?rlm-ha .*?)(?: &)?$", re.MULTILINE)


def groups(group: LazyGroup, path: tuple[str, ...] = ()) -> list[str]:
    """The group and all below it."""
    inner = [(name, each) for name, each in group.commands.items() if isinstance(each, LazyGroup)]
    return [" ".join(path), *(found for name, each in inner for found in groups(each, (*path, name)))]


GROUPS = groups(build_program())
NAMES = [name for name, _ in LEAVES]


def help_of(name: str) -> str:
    """What it says at 80 columns; its own parts alone may set a width."""
    answer = CliRunner().invoke(build_program(), [*name.split(), "--help"], env={"COLUMNS": str(WIDTH)})
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.parametrize("name", [*GROUPS, *NAMES])
def test_no_line_of_a_help_is_wider_than_a_terminal(name: str) -> None:
    assert [line for line in help_of(name).splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("name", [*GROUPS, *NAMES])
def test_a_help_begins_with_what_the_command_is_for(name: str) -> None:
    usage, _, rest = help_of(name).partition("\n\n")
    assert usage.lower().startswith("usage: ")
    assert rest.strip()


@pytest.mark.parametrize("name", NAMES)
def test_a_help_has_an_example_that_the_command_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = EXAMPLE.findall(help_of(name).replace("\\\n", ""))
    taken = [
        parsed([here(word, tmp_path) for word in words])
        for example in examples
        for words in commands(example)
    ]
    # An alias shows the command itself, by its first name.
    assert name.rsplit(maxsplit=1)[-1] in {each.split()[-1] for each in taken}


def here(word: str, folder: Path) -> str:
    """The word, with the file that it names made, and another folder for one that is not on this machine."""
    if FILE.fullmatch(word):
        Path(word).touch()
    return str(folder) if word.startswith("/") and not Path(word).exists() else word


def commands(example: str) -> list[list[str]]:
    """The words of ours in a line for a shell, without what leads to a file."""
    words = shlex.split(example.partition(" > ")[0], comments=True)
    parts = " ".join(map(shlex.quote, words)).split(" '|' ")
    return [shlex.split(part)[1:] for part in parts if part.startswith("rlm-ha ")]


def parsed(words: list[str]) -> str:
    """The command that takes these words; raises click.UsageError where none does."""
    context = build_program().make_context("rlm-ha", list(words))
    command: click.Command = context.command
    rest = [*context._protected_args, *context.args]
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, rest)
        assert name is not None
        assert found is not None
        command = found
        context = command.make_context(name, rest, parent=context)
        rest = [*context._protected_args, *context.args]
    return context.command_path
