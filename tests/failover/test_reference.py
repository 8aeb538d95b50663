"""The document for whoever is on call says what the code does."""

import re
from pathlib import Path

from rlm_exporter.failover.reasons import RULES
from rlm_exporter.failover.reference import rules_table
from rlm_exporter.failover.steps import ORDER, StepName
from rlm_exporter.store.records import PinKind

DOCUMENT = (Path(__file__).parents[2] / "docs" / "failover.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """What stands under a heading."""
    return DOCUMENT.split(f"\n## {title}\n", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def first_cells(title: str) -> list[str]:
    """The words in the first column of the section's table."""
    return re.findall(r"^\| `(\w+)` \|", section(title), flags=re.MULTILINE)


def test_the_table_of_rules_is_the_code_s() -> None:
    between = DOCUMENT.split("a test compares them. -->\n")[1].split("<!-- end of rules -->")[0]
    assert between == rules_table(), "run: python -m rlm_exporter.failover.reference"


def test_every_rule_that_holds_says_what_to_do_then_and_no_other() -> None:
    holds = [rule.reason.value for rule in RULES if rule.then.startswith("hold")]
    assert first_cells("When nothing moved") == holds


def test_every_step_is_explained_in_its_order() -> None:
    assert first_cells("An operation, step by step") == [*ORDER, StepName.AFTER_HOOKS]


def test_every_kind_of_pin_is_explained() -> None:
    assert first_cells("Pins") == [kind for kind in PinKind if kind is not PinKind.SETTLE]
