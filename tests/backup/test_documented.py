"""docs/backup.md has settings that work, and every key and option there is."""

import json
import re
from pathlib import Path

import click
import pytest

from rlm_exporter.backup import settings
from rlm_exporter.backup.contents import EXPORT, INFO, LIST, SUM
from rlm_exporter.backup.info import STEPS
from rlm_exporter.backup.put import BEFORE
from rlm_exporter.cli.backup import backup_command
from rlm_exporter.cli.client_test import client_test_command
from rlm_exporter.cli.drill import drill_command
from rlm_exporter.cli.restore import restore_command

DOCS = Path(__file__).parents[2] / "docs"
BACKUP = (DOCS / "backup.md").read_text(encoding="utf-8")
DRILL = (DOCS / "drill.md").read_text(encoding="utf-8")


def test_the_settings_of_the_page_are_good_ones_and_have_every_key() -> None:
    found = re.search(r"```yaml\n(.*?)```", BACKUP, re.DOTALL)
    assert found is not None
    read = settings.parse_settings(found[1].encode(), "docs/backup.md")
    assert [member.name for member in read.members] == ["rlm1", "rlm2", "rlm3", "lb1"]
    schema = json.loads(Path(settings.__file__).with_name("schema.json").read_text("utf-8"))["$defs"]
    keys = {
        *schema["Backup"]["properties"]["spec"]["properties"],
        *schema["server"]["properties"],
        *schema["balancer"]["properties"],
    }
    assert {key for key in keys if f"{key}:" not in BACKUP} == set()


def test_the_page_has_the_five_steps_and_the_names_of_files() -> None:
    for number, step in enumerate(STEPS, start=1):
        assert f"| {number}. {step} |" in BACKUP
    for name in (LIST, SUM, INFO, EXPORT, f"NAME{BEFORE}"):
        assert name in BACKUP


@pytest.mark.parametrize(
    ("command", "page"),
    [
        (backup_command, BACKUP),
        (restore_command, BACKUP),
        (drill_command, DRILL),
        (client_test_command, DRILL),
    ],
)
def test_every_option_is_on_its_page(command: click.Command, page: str) -> None:
    known = {"--url", "--rlmutil", "--format", "--json", "--verbose", "--profile"}
    options = {word for each in command.params for word in each.opts if word.startswith("--")} - known
    assert {word for word in options if not re.search(rf"{word}\b", page)} == set()
