"""What docs/watching.md says of the lines of `licenses monitor`."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.looking import NoAnswer
from rlm_exporter.cli.monitor_lines import (
    Document,
    back_document,
    change_document,
    heartbeat_document,
    lost_document,
    picture_document,
)
from rlm_exporter.cli.sights import changes, sights
from tests.cli.documents import CLUSTER, status
from tests.cli.test_sights import ROWS

PAGE = (Path(__file__).parents[2] / "docs" / "watching.md").read_text(encoding="utf-8")
AT = datetime(2025, 11, 25, 9, 0, tzinfo=UTC)
MISSING = NoAnswer(at=AT, since=AT, why="refused")
VALUE = decode(ClusterStatus, status())
DOCUMENTS: tuple[Document, ...] = (
    picture_document(AT, status(), include_web=False),
    change_document(AT, CLUSTER, changes({}, sights(VALUE, include_web=False))[0]),
    heartbeat_document(AT, VALUE),
    lost_document(CLUSTER, MISSING),
    back_document(AT, CLUSTER, MISSING),
)


def words(cell: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", cell)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under this heading."""
    table = PAGE.partition(heading)[2].partition("\n\n")[0]
    return [line.strip("|").split("|") for line in table.splitlines()[2:]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_each_kind_of_line_has_its_row_with_its_keys(document: Document) -> None:
    found = {words(row[0])[0]: words(row[1]) for row in rows("| `kind` |")}
    assert found[document["kind"]] == [key for key in document if key not in {"kind", "at", "cluster"}]


def test_there_is_no_row_for_a_line_that_is_never_said() -> None:
    assert [words(row[0])[0] for row in rows("| `kind` |")] == [each["kind"] for each in DOCUMENTS]


def test_each_side_that_can_change_has_its_row() -> None:
    documented = {(words(row[0])[0], words(row[1])[0]) for row in rows("| `subject` |")}
    assert documented == {(expected[0], expected[2]) for _, expected in ROWS.values()}
