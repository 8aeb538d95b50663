"""A whole report log as one value (pure). For large ones there is the reader, which streams."""

from collections.abc import Iterable
from dataclasses import dataclass

from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_values import Denial, Event, Header, LogWarning, Run, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLog:
    """A whole log; sessions in the order of their first records."""

    header: Header
    runs: tuple[Run, ...]
    sessions: tuple[Session, ...]
    denials: tuple[Denial, ...]
    peak_seats: dict[str, int]
    warnings: tuple[LogWarning, ...]


def read_report_log(files: Iterable[Iterable[bytes]]) -> ReportLog:
    """All of a log that may be parted into files, each given in pieces of any size."""
    reader = ReportLogReader()
    events: list[Event] = []
    for pieces in files:
        for piece in pieces:
            events += reader.feed(piece)
        events += reader.end_file()
    events += reader.close()
    return ReportLog(
        header=reader.header,
        runs=tuple(event for event in events if isinstance(event, Run)),
        sessions=tuple(sorted(event for event in events if isinstance(event, Session))),
        denials=tuple(event for event in events if isinstance(event, Denial)),
        peak_seats=reader.peak_seats,
        warnings=tuple(event for event in events if isinstance(event, LogWarning)),
    )
