"""What of the guide is tried by which tests."""

from pathlib import Path

from dev.rows import ROWS, as_table, marked

ROOT = Path(__file__).parents[2]


def test_every_row_of_the_guide_has_a_test_and_no_test_names_another() -> None:
    found = marked(ROOT)
    assert [row for row, tests in found.items() if not tests] == []
    assert set(found) == set(ROWS)


def test_the_table_in_the_documentation_is_as_it_is() -> None:
    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    assert as_table(marked(ROOT)) in text, "python -m dev.rows --table tells it"


def test_marks_are_read_where_they_stand(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(
        "import pytest\n\n\n@pytest.mark.row(7)\n@pytest.mark.row(9)\ndef test_it() -> None:\n    pass\n\n\n"
        "@pytest.mark.parametrize('row', [8])\nasync def test_other(row: int) -> None:\n    pass\n"
    )
    found = marked(tmp_path)
    assert (found[7], found[9], found[8]) == (["tests/test_x.py::test_it"], ["tests/test_x.py::test_it"], [])
