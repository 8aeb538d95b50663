"""`rlm-ha inspect report-log FILE…`: who held what and when, who was refused."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from rlm_exporter.cli.inspect_input import FILES, STDIN
from rlm_exporter.cli.manners import Format, current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.report_log_document import document, totals_document
from rlm_exporter.cli.report_log_sheet import faults, latest, sheet
from rlm_exporter.cli.report_log_stream import stream_document
from rlm_exporter.rlm.report_log import read_report_log
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_totals import Totals
from rlm_exporter.rlm.report_log_values import Event

_PIECE = 1024 * 1024


@click.command("report-log")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILES)
@click.option("--summary", is_flag=True, help="Sums by product and by reason alone.")
def report_log_command(files: tuple[Path, ...], *, summary: bool) -> None:
    """Show what a report log tells: the server's runs, who held what, who was refused, the most at once.

    Several FILEs are one log in the order given, as rotation and SWITCH part it; `-` is stdin. Times are the
    server's own. The table has the latest sessions and denials; --json has all of them.

    \b
    Examples:
      rlm-ha inspect report-log siemens.rl.1 siemens.rl
    """
    names = tuple("<stdin>" if path == STDIN else str(path) for path in files)
    manners = current_manners()
    reader = ReportLogReader()
    if not summary and manners.output is Format.JSON:
        stream_document(_found(reader, files), reader, names=names, out=sys.stdout)
        return
    if not summary and manners.output is Format.YAML:
        log = read_report_log(_pieces(path) for path in files)
        emit(document(log, names), lambda: (), manners=manners)
        return
    totals = Totals()
    for events in _found(reader, files):
        totals.add(events)
    peaks = reader.peak_seats
    emit(
        totals_document(reader.header, totals, peaks, names),
        lambda: (
            *sheet(reader.header, totals, peaks),
            *(() if summary else latest(totals)),
            *faults(totals, names),
        ),
        manners=manners,
    )


def _found(reader: ReportLogReader, files: tuple[Path, ...]) -> Iterator[list[Event]]:
    for path in files:
        for piece in _pieces(path):
            yield reader.feed(piece)
        yield reader.end_file()
    yield reader.close()


def _pieces(path: Path) -> Iterator[bytes]:
    if path == STDIN:
        while piece := sys.stdin.buffer.read(_PIECE):
            yield piece
        return
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise click.FileError(str(path), hint=error.strerror or "cannot be read") from error
