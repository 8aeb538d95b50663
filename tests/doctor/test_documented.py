"""docs/doctor.md has every check, in the order of the program and with its words."""

import re
from pathlib import Path

from rlm_exporter.doctor.checks import alertmanager, certificates, versions
from rlm_exporter.doctor.examine import CHECKS

TEXT = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_the_table_has_every_check_with_what_it_looks_at() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|", TEXT, re.MULTILINE)

    assert rows == [(check.about.name, check.about.looks_at) for check in CHECKS]


def test_names_and_numbers_are_those_of_the_program() -> None:
    assert f"`{alertmanager.ALERT}`" in TEXT
    assert f"within {certificates.WARN_DAYS} days" in TEXT
    assert all(hole in TEXT for hole in versions.HOLES)
