"""Free seats as a table, and who holds the others."""

from rlm_exporter.cli.phrases import UNKNOWN, age_in_words
from rlm_exporter.cli.seats_answers import FeatureSeatsView, HolderView, SeatsAnswer
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone

_NO_LIMIT = "no limit"
_WORDS = {"no_limit": _NO_LIMIT, "token": "token", "unreadable": "unreadable"}
"""Reasons that need no sentence."""


def seats_sheet(answer: SeatsAnswer, *, with_holders: bool) -> Sheet:
    """One line a product; `with_holders`: below it who holds seats."""
    columns = (
        Column(title="FEATURE", long=True),
        Column(title="ISV"),
        *(Column(title=title, right=True) for title in ("FREE", "IN USE", "RESERVED", "ISSUED")),
    )
    rows = tuple(_row(each) for each in answer.features)
    table = (Table(columns=columns, rows=rows),) if rows else (_quiet("The server has no pools."),)
    return (_heading(answer), *table, *_reasons(answer), *(_holders(answer) if with_holders else ()))


def _heading(answer: SeatsAnswer) -> Line:
    if not answer.known:
        return Line(cells=(Cell(f"Not known: {answer.detail or 'no reason is told'}", Tone.WARNING),))
    return _quiet(f"{answer.active} is active, checked {age_in_words(answer.age_seconds)} ago")


def _row(each: FeatureSeatsView) -> tuple[Cell, ...]:
    free = Cell(_number(each.free), Tone.WARNING if each.free in {None, 0} else Tone.GOOD)
    if each.free is None and each.reason in _WORDS:
        free = Cell(_WORDS[each.reason], Tone.PLAIN)
    return (
        Cell(each.feature),
        Cell(each.isv or UNKNOWN),
        free,
        Cell(_number(each.in_use)),
        Cell(_number(each.reserved)),
        Cell(_number(each.issued)),
    )


def _reasons(answer: SeatsAnswer) -> tuple[Line, ...]:
    """Of single features, where the whole is known."""
    if not answer.known:
        return ()
    told = [f"{each.feature}: {each.detail}" for each in answer.features if each.detail]
    return tuple(Line(cells=(Cell(text, Tone.WARNING),)) for text in told)


def _holders(answer: SeatsAnswer) -> Sheet:
    lines = [line for each in answer.features for line in each.holders or ()]
    if not lines:
        return ()
    columns = (
        Column(title="HOST", long=True),
        Column(title="VERSION"),
        Column(title="SEATS", right=True),
        Column(title="HANDLE"),
        Column(title="SINCE (THERE)"),
    )
    return (_quiet(""), Table(columns=columns, rows=tuple(map(_holder_row, lines))))


def _holder_row(line: HolderView) -> tuple[Cell, ...]:
    words = (line.host, line.version, str(line.seats), line.handle, line.since)
    return tuple(Cell(word) for word in words)


def _quiet(text: str) -> Line:
    return Line(cells=(Cell(text, Tone.QUIET),))


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)
