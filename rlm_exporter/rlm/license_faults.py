"""Collects the faults that a reader of license files meets."""

from collections.abc import Iterable

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.address import parse_port
from rlm_exporter.rlm.license_terms import HINTS, Word, shown
from rlm_exporter.rlm.license_values import Finding, FindingKind, Severity

_MOST_WORDS = 5
"""So many unknown words of one statement are named; then they are counted."""


class Faults:
    """Grows while a file is read."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(
        self, kind: FindingKind, line: int, detail: str, *, severity: Severity = Severity.WARNING
    ) -> None:
        """One more."""
        self._found.append(Finding(kind=kind, line=line, severity=severity, detail=detail))

    def add_error(self, kind: FindingKind, line: int, detail: str) -> None:
        """One more, for which RLM refuses the statement."""
        self.add(kind, line, detail, severity=Severity.ERROR)

    def add_unknown(self, words: Iterable[Word], *, place: str) -> None:
        """Words that RLM does not know in a statement of this name."""
        rest = list(words)
        for word in rest[:_MOST_WORDS]:
            name = word.text.partition("=")[0]
            hint = HINTS.get(name.lower(), f"RLM does not know this in {place}, and rejects it")
            self.add(FindingKind.UNKNOWN_KEYWORD, word.line, f"{shown(name)}: {hint}")
        if len(rest) > _MOST_WORDS:
            more = len(rest) - _MOST_WORDS
            line = rest[_MOST_WORDS].line
            self.add(FindingKind.UNKNOWN_KEYWORD, line, f"and {more} more unknown words in this {place}")

    def read_port(self, word: Word) -> int | None:
        """The port that a word is; None, and a fault, where it is none."""
        try:
            return parse_port(word.text)
        except FormatError as error:
            self.add_error(FindingKind.PORT_OUT_OF_RANGE, word.line, str(error))
            return None

    def all(self) -> tuple[Finding, ...]:
        """Those that were met."""
        return tuple(self._found)
