"""Each alert has its section in the runbook, in one form, with commands that exist."""

import re

import click
import pytest

from rlm_exporter.cli import build_program
from rlm_exporter.cli.lazy import LazyCommand
from tests.rules.documents import alerts
from tests.rules.programs import ROOT

RUNBOOK = "docs/runbook.md"


def runbook() -> dict[str, str]:
    """The sections of the runbook by heading."""
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    heads = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(heads[1::2], heads[2::2], strict=True))


def test_alerts_and_the_runbook_name_each_other() -> None:
    assert {alert.name for alert in alerts()} == set(runbook())
    for alert in alerts():
        assert alert.annotations["runbook_url"] == f"{RUNBOOK}#{alert.name.lower()}"


@pytest.mark.parametrize("heading", runbook())
def test_each_section_of_the_runbook_has_the_same_four_parts(heading: str) -> None:
    parts = re.findall(r"^\*\*(.+?)\*\*", runbook()[heading], flags=re.MULTILINE)

    assert parts == ["What it means.", "Impact.", "What to look at.", "What to do."]
    assert runbook()[heading].count("```") == 2, "one block of commands to look with"


def commands(section: str) -> list[str]:
    """Those of ours in a section's block."""
    block = section.split("```")[1]
    return [line for line in block.splitlines() if line.startswith("rlm-ha ")]


def inline_commands(section: str) -> list[str]:
    """Those of ours in a section's sentences."""
    return re.findall(r"`(rlm-ha [^`]+)`", section.replace("\n", " "))


def unknown(line: str) -> str:
    """The first word of one of our command lines that the program does not know; empty when it knows all."""
    command: click.Command = build_program()
    words = line.split()[1:]
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        if found is None:
            return name
        command = found.load() if isinstance(found, LazyCommand) else found
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return next((word for word in words if word.startswith("-") and word not in known), "")


@pytest.mark.parametrize("heading", runbook())
def test_each_command_of_ours_exists_with_the_options_it_is_given(heading: str) -> None:
    section = runbook()[heading]
    lines = (*commands(section), *inline_commands(section))

    assert [line for line in lines if unknown(line)] == []


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("rlm-ha licenses ack NAME", ""),
        ("rlm-ha licenses ack NAME --nope 3", "--nope"),
        ("rlm-ha licenses nope NAME", "nope"),
        ("rlm-ha nope", "nope"),
    ],
)
def test_a_command_or_an_option_that_does_not_exist_is_seen(line: str, word: str) -> None:
    assert unknown(line) == word
    assert commands(f"\n```\n{line}\ncurl x\n```\n") == [line]
    assert inline_commands(f"Say `{line}`.".replace(" NAME", "\nNAME")) == [line]
