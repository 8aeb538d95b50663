"""What a drill found, as a document, and as lines for people."""

import click

from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.drill.result import Drill, to_document


def show_drill(drill: Drill, *, to_stderr: bool = False) -> None:
    """As a table or a document on stdout, or a line each on stderr."""
    if to_stderr:
        for finding in drill.findings:
            click.echo(
                printable(f"{_mark(passed=finding.passed)}  {finding.name}: {finding.detail}"), err=True
            )
        return
    emit(to_document(drill), lambda: _sheet(drill), manners=current_manners())
    if drill.refused is not None:
        click.echo(printable(f"Clients were not moved: {drill.refused}"), err=True)
    if drill.stopped is not None:
        click.echo(printable(f"Stopped: {drill.stopped}"), err=True)
    for name in drill.failed:
        click.echo(printable(f"failed: {name}"), err=True)


def _sheet(drill: Drill) -> Sheet:
    rows = tuple(
        (
            Cell(_mark(passed=finding.passed), Tone.GOOD if finding.passed else Tone.BAD),
            Cell(finding.kind.value),
            Cell(finding.subject),
            Cell(finding.detail),
        )
        for finding in drill.findings
    )
    columns = (Column(title=""), Column(title="CHECK"), Column(title="OF"), Column(title="FOUND", long=True))
    passed = len(drill.findings) - len(drill.failed)
    verdict_line = Line(cells=(Cell(f"{drill.cluster}: {passed} of {len(drill.findings)} passed"),))
    return (Table(columns=columns, rows=rows, wraps=True), verdict_line)


def _mark(*, passed: bool) -> str:
    return "ok" if passed else "FAILED"
