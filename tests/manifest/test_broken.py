"""Every broken manifest is answered by exactly the messages that stand beside it."""

from pathlib import Path

import pytest

from rlm_exporter.manifest.load import MANIFEST_SCHEMA
from rlm_exporter.manifest.parse import examine

BROKEN = Path(__file__).parent.parent / "data" / "manifests" / "broken"
FILES = sorted(BROKEN.glob("*.yaml"))
ROWS = {
    "type-flexlm": 2,
    "active-active": 3,
    "switched-off": 3,
    "backup-twice": 4,
    "duplicate-hosts": 4,
    "hosts": 4,
    "timeout-above-interval": 5,
    "retries-above-interval": 5,
    "durations": 6,
    "out-of-range": 6,
    "duplicate-features": 7,
    "fences": 11,
    "license-files": 13,
    "license-sync": 13,
    "hooks": 35,
    "client-settings": 25,
    "dashboard": 39,
}
"""Rows of the checklist that a file shows; all others show the first."""


def timezones() -> frozenset[str]:
    """Some of them: what the machine knows is another test's matter."""
    return frozenset({"Europe/Berlin", "Europe/Bern", "UTC"})


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=pytest.mark.row(ROWS.get(path.stem, 1))) for path in FILES],
)
def test_tells_what_is_wrong_and_where(path: Path) -> None:
    findings = examine([(path.name, path.read_bytes())], schema=MANIFEST_SCHEMA, timezones=timezones)

    told = "".join(f"{problem}\n" for problem in findings.problems)
    assert told == path.with_suffix(".expected").read_text(encoding="utf-8")
    assert findings.loaded is None


def test_every_broken_file_has_its_messages_and_every_message_its_file() -> None:
    assert len(FILES) >= 25
    assert {path.stem for path in FILES} == {path.stem for path in BROKEN.glob("*.expected")}
    assert not [path.stem for path in FILES if not path.with_suffix(".expected").read_text("utf-8")]
    assert ROWS.keys() <= {path.stem for path in FILES}


def test_every_message_has_a_place_and_no_machine_words() -> None:
    for path in FILES:
        for line in path.with_suffix(".expected").read_text("utf-8").splitlines():
            assert line.startswith(f"{path.name}:")
            assert not {"Traceback", "None", "NoneType", "$ref", "Plain"} & set(line.split())
