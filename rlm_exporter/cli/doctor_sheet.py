"""What the doctor found, as a JSON document, and as lines for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from rlm_exporter.cli.sheet import Block, Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.doctor.finding import Examined, Skipped, Weight

_TONES = {Weight.ERROR: Tone.BAD, Weight.WARNING: Tone.WARNING}


def document(cluster: str, examined: Sequence[Examined]) -> dict[str, Any]:
    """Every check with its findings."""
    return {
        "cluster": cluster,
        "errors": counted(examined, Weight.ERROR),
        "warnings": counted(examined, Weight.WARNING),
        "checks": [_check(each) for each in examined],
    }


def _check(each: Examined) -> dict[str, Any]:
    return {
        "check": each.about.name,
        "looks_at": each.about.looks_at,
        "seconds": round(each.seconds, 3),
        "skipped": each.outcome.why if isinstance(each.outcome, Skipped) else None,
        "findings": [
            {
                "weight": finding.weight.value,
                "subject": finding.subject,
                "what": finding.what,
                "why": finding.why,
                "remedy": finding.remedy,
            }
            for finding in each.findings
        ],
    }


def counted(examined: Sequence[Examined], weight: Weight) -> int:
    """How many findings of that weight."""
    return sum(finding.weight is weight for each in examined for finding in each.findings)


def sheet(examined: Sequence[Examined]) -> Sheet:
    """A line for each check, then each finding with its reason and its remedy."""
    rows = tuple((Cell(each.about.name), _state(each), Cell(_told(each), Tone.QUIET)) for each in examined)
    blocks: list[Block] = [
        Table(
            columns=(Column(title="CHECK"), Column(title=""), Column(title="", long=True)),
            rows=rows,
            wraps=True,
        )
    ]
    for each in examined:
        blocks += _findings(each)
    errors, warnings = counted(examined, Weight.ERROR), counted(examined, Weight.WARNING)
    tone = Tone.BAD if errors else Tone.WARNING if warnings else Tone.GOOD
    blocks += [
        _blank(),
        Line(cells=(Cell(f"{_plural(errors, 'error')}, {_plural(warnings, 'warning')}", tone),)),
    ]
    return tuple(blocks)


def _state(each: Examined) -> Cell:
    if isinstance(each.outcome, Skipped):
        return Cell("skipped", Tone.QUIET)
    weights = {finding.weight for finding in each.findings}
    for weight in Weight:
        if weight in weights:
            return Cell(weight, _TONES[weight])
    return Cell("good", Tone.GOOD)


def _told(each: Examined) -> str:
    return each.outcome.why if isinstance(each.outcome, Skipped) else each.about.looks_at


def _findings(each: Examined) -> Iterator[Block]:
    for finding in each.findings:
        yield _blank()
        yield Table(
            columns=(Column(title=finding.weight.upper()), Column(title=f"{each.about.name}", long=True)),
            rows=(
                (Cell("what"), Cell(f"{finding.subject}: {finding.what}", _TONES[finding.weight])),
                (Cell("why"), Cell(finding.why)),
                (Cell("to do"), Cell(finding.remedy)),
            ),
            wraps=True,
        )


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _blank() -> Line:
    return Line(cells=(Cell(""),))
