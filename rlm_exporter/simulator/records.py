"""The files that a simulated server writes: its ledger (JSON lines) and its debug log."""

import json
import sys
import time
from pathlib import Path

from rlm_exporter.simulator.clock import LocalClock


class Ledger:
    """Every checkout, checkin and denial, one JSON object a line; several processes may share the file.

    `t` is `time.monotonic()`, the same clock for all processes of one machine.
    """

    def __init__(self, path: Path | None, *, server: str, isv: str) -> None:
        self._path = path
        self._head = {"server": server, "isv": isv}

    def write(self, kind: str, **fields: object) -> None:
        """Append one line whole, so that lines of two processes never mix."""
        if self._path is None:
            return
        record = {"t": time.monotonic(), "wall": time.time(), "kind": kind, **self._head, **fields}
        with self._path.open("ab", buffering=0) as file:
            file.write(json.dumps(record).encode() + b"\n")


class DebugLog:
    """Lines `MM/DD HH:MM (rlm|isv) text`, as RLM's debug log; standard error where no file is given."""

    def __init__(self, path: Path | None, *, speaker: str, clock: LocalClock) -> None:
        self._path = path
        self._speaker = speaker
        self._clock = clock

    def write(self, text: str) -> None:
        """Append one line."""
        line = f"{self._clock.now():%m/%d %H:%M} ({self._speaker}) {text}\n"
        if self._path is None:
            sys.stderr.write(line)
            sys.stderr.flush()
            return
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())
