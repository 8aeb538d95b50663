"""Every command line of ours in the documentation exists, with the options that it is given there."""

import re
from pathlib import Path

import pytest

from tests.rules.test_runbook import unknown

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def printed(text: str) -> list[str]:
    """Lines of code that begin with our program, without what a shell makes of their ends."""
    lines = re.findall(r"^(?: {4,}|)(rlm-ha [^\n]*)$", text, re.MULTILINE)
    return [re.split(r"\s+[#|>&]|\s{2,}#", line)[0].strip() for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_to_be_typed_can_be(page: Path) -> None:
    lines = printed(page.read_text(encoding="utf-8"))
    assert [(line, word) for line in lines if (word := unknown(line))] == []


def test_the_first_hour_is_all_commands_that_were_looked_at() -> None:
    text = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")
    assert len(printed(text)) > 15
