"""A dry run as lines and a table: the plan, and what the rules for automatic moves see at the same moment."""

from collections.abc import Iterator, Sequence

from rlm_exporter.cli.answers import PlanView, SeenView
from rlm_exporter.cli.sheet import Block, Cell, Column, Line, Sheet, Table, Tone

_FAILS_OVER = "no rule holds: it would fail over by itself"


def plan_sheet(plan: PlanView) -> Sheet:
    """The plan's steps, then every rule in the order in which they are tried."""
    lines = (f"{plan.source or 'nobody'} -> {plan.target}; nothing was changed", *plan.steps)
    return (*(Line(cells=(Cell(text),)) for text in lines), *_rules(plan.rules or ()))


def _rules(rules: Sequence[SeenView]) -> tuple[Block, ...]:
    if not rules:
        return ()
    decides = next((seen for seen in rules if seen.applies), None)
    title = _FAILS_OVER if decides is None else f"{decides.rule} decides about automatic moves now"
    return (
        Line(cells=()),
        Line(cells=(Cell(title, Tone.STRONG),)),
        Table(
            columns=(
                Column(title="#", right=True),
                Column(title="RULE"),
                Column(title="APPLIES"),
                Column(title="WHAT IT SEES", long=True),
            ),
            rows=tuple(_rows(rules, decides)),
            wraps=True,
        ),
    )


def _rows(rules: Sequence[SeenView], decides: SeenView | None) -> Iterator[tuple[Cell, ...]]:
    for seen in rules:
        tone = Tone.STRONG if seen is decides else Tone.PLAIN if seen.applies else Tone.QUIET
        applies = "decides" if seen is decides else "yes" if seen.applies else "no"
        yield Cell(str(seen.number)), Cell(seen.rule, tone), Cell(applies, tone), Cell(seen.detail, tone)
