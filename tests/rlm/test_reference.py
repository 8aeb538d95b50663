"""The manual names every finding that there is, and with the severities that it can have."""

import re
from pathlib import Path

import pytest

from rlm_exporter.rlm.client_findings import ClientFindingKind
from rlm_exporter.rlm.license_values import FindingKind, Severity
from tests.rlm.test_client_findings import ROWS as CLIENT_ROWS
from tests.rlm.test_client_findings import findings
from tests.rlm.test_license_findings import ROWS

MANUAL = (Path(__file__).parents[2] / "docs" / "rlm.md").read_text()
_ROW = re.compile(r"^\| ((?:`[a-z0-9-]+`(?:, )?)+) \| ([^|]+) \|", re.MULTILINE)


def told() -> dict[str, set[str]]:
    """The severities that the manual gives for each finding."""
    rows = {}
    for names, severities in _ROW.findall(MANUAL):
        for name in names.split(", "):
            rows[name.strip("`")] = {word.value for word in Severity if word.value in severities}
    return rows


@pytest.mark.parametrize("kind", FindingKind)
def test_every_finding_about_license_files_is_told(kind: FindingKind) -> None:
    seen = {severity.value for row in ROWS if row.kind is kind for _, severity in row.at}
    assert seen <= told()[kind]


@pytest.mark.parametrize("kind", ClientFindingKind)
def test_every_finding_about_client_settings_is_told(kind: ClientFindingKind) -> None:
    texts = [text for row, text, says in CLIENT_ROWS if row is kind and says is not None]
    seen = {each.severity.value for text in texts for each in findings(text) if each.kind is kind}
    assert seen == told()[kind]
