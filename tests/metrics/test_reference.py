"""The document about metrics is the table of families."""

from pathlib import Path

from rlm_exporter.metrics.families import FAMILIES, TARGET_FAMILIES
from rlm_exporter.metrics.reference import reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == reference(), (
        "run: python -m rlm_exporter.metrics.reference > docs/metrics.md"
    )


def test_every_family_has_its_row() -> None:
    assert all(
        f"\n| `{family.name}` | {family.kind}" in reference() for family in (*FAMILIES, *TARGET_FAMILIES)
    )
