"""docs/license-files.md names what the program has."""

from pathlib import Path

import pytest

from rlm_exporter.manifest.load import MANIFEST_SCHEMA
from rlm_exporter.sync.names import arriving, former
from rlm_exporter.sync.push import Outcome, Window

TEXT = (Path(__file__).parents[2] / "docs" / "license-files.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_explained_with_its_exit_code(outcome: Outcome) -> None:
    code = 0 if outcome.is_good else 1

    assert f"| `{outcome.value}` | {code} |" in TEXT


def test_every_key_of_a_server_is_explained() -> None:
    for key in MANIFEST_SCHEMA["$defs"]["licenseSync"]["properties"]:
        assert f"| `{key}` |" in TEXT


def test_names_and_times_are_those_of_the_program() -> None:
    assert f"`{arriving('NAME')}`" in TEXT
    assert f"`{former('NAME')}`" in TEXT
    assert f"up to {Window().settle.total_seconds():g} s" in TEXT
