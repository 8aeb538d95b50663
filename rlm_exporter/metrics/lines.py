"""Collects sample lines by family, so that no writer can get a label's name or order wrong."""

from collections.abc import Mapping

from rlm_exporter.metrics.families import FAMILIES, Family
from rlm_exporter.metrics.text import sample

_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    family.name: tuple(other.name for other in FAMILIES if other.same_as == family.name)
    for family in FAMILIES
}


class Lines:
    """Lines whose first labels all have the same values (the cluster, or the cluster and the server)."""

    def __init__(self, *first: str) -> None:
        self._first = first
        self._lines: dict[str, list[str]] = {}

    def add(self, family: Family, value: float | None, *labels: str) -> None:
        """One sample, under the family's other name too; an unknown value gives none.

        An empty label says the same as none at all, so it is left out.
        """
        if value is None:
            return
        texts = zip(family.labels, self._first + labels, strict=True)
        pairs = tuple((label, text) for label, text in texts if text)
        for name in (family.name, *_OTHER_NAMES.get(family.name, ())):
            self._lines.setdefault(name, []).append(sample(name, pairs, value))

    def chunks(self) -> Mapping[str, str]:
        """Whole lines by family name."""
        return {name: "".join(lines) for name, lines in self._lines.items()}
