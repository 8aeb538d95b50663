"""Prints a report log as a JSON document that is never whole in memory."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

import orjson

from rlm_exporter.cli.report_log_document import (
    denial_value,
    header_value,
    run_value,
    session_value,
    warning_value,
)
from rlm_exporter.cli.spool import Spool
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_values import Denial, Event, LogWarning, Run, Session


def _encode(value: dict[str, Any]) -> str:
    """One line; letters beyond ASCII are escaped as everywhere, so that none can steer a terminal."""
    data = orjson.dumps(value)
    return data.decode("ascii") if data.isascii() else json.dumps(value)


class DocumentSpool:
    """Takes what a reader finds; each item is a line of JSON, sessions in the order in which they began."""

    def __init__(self, *, names: Sequence[str], sessions: Spool, denials: Spool, warnings: Spool) -> None:
        self._names = names
        self._runs: list[Run] = []
        self._sessions = sessions
        self._denials = denials
        self._warnings = warnings
        self._number = 0
        """Of denials and warnings."""

    def add(self, events: Iterable[Event]) -> None:
        """Take what was found next."""
        for event in events:
            if isinstance(event, Session):
                self._sessions.add(event.number, _encode(session_value(event)))
            elif isinstance(event, Denial):
                self._number += 1
                self._denials.add(self._number, _encode(denial_value(event)))
            elif isinstance(event, LogWarning):
                self._number += 1
                self._warnings.add(self._number, _encode(warning_value(event, self._names)))
            else:
                self._runs.append(event)

    def write(self, reader: ReportLogReader, out: TextIO) -> None:
        """The document, an item a line."""
        out.write(f'{{\n"header": {_encode(header_value(reader.header))},\n')
        _write_list(out, "runs", (_encode(run_value(run)) for run in self._runs))
        _write_list(out, "sessions", self._sessions.lines())
        _write_list(out, "denials", self._denials.lines())
        out.write(f'"peak_seats": {_encode(reader.peak_seats)},\n')
        _write_list(out, "warnings", self._warnings.lines(), last=True)
        out.write("}\n")


def _write_list(out: TextIO, name: str, items: Iterator[str], *, last: bool = False) -> None:
    out.write(f'"{name}": [')
    separator = "\n"
    for item in items:
        out.write(separator + item)
        separator = ",\n"
    out.write("]\n" if last else "],\n")


def stream_document(
    found: Iterator[list[Event]], reader: ReportLogReader, *, names: Sequence[str], out: TextIO
) -> None:
    """Read to the end, then print; nothing is printed of a log that cannot be read to its end."""
    with Spool() as sessions, Spool() as denials, Spool() as warnings:
        spool = DocumentSpool(names=names, sessions=sessions, denials=denials, warnings=warnings)
        for events in found:
            spool.add(events)
        spool.write(reader, out)
