"""Keeps usage on disk while the database is away: one file of JSON lines, read back in their order.

A line is one batch of changes, no more than one transaction takes. What was written to the database and not
yet taken off is written once more after a crash, which changes nothing.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from rlm_exporter.store.usage_records import (
    Closed,
    EndReason,
    Opened,
    Recounted,
    Reopened,
    UsageChange,
    UsageSession,
    UsageSource,
    storable,
)

AT_ONCE = 500
"""Changes in one transaction: the first answer of a large server has tens of thousands, and a transaction is
limited in time. What was written of them is written, and written again it changes nothing."""


class Spool:
    """One cluster's. All of it blocks, and raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged = 0
        """Lines that could not be read back: a machine that died while one was written."""

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        try:
            return self._path.stat().st_size == 0
        except FileNotFoundError:
            return True

    def append(self, changes: Sequence[UsageChange]) -> None:
        """More batches, on disk when this returns."""
        data = b"".join(
            orjson.dumps([_told(change) for change in changes[start : start + AT_ONCE]]) + b"\n"
            for start in range(0, len(changes), AT_ONCE)
        )
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            try:
                written = 0
                while written < len(data):
                    written += os.write(handle, data[written:])
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)  # a part of a line would damage the next one
                raise
        finally:
            os.close(handle)

    def batches(self) -> Iterator[tuple[UsageChange, ...]]:
        """What waits, oldest first."""
        try:
            with self._path.open("rb") as lines:
                for line in lines:
                    batch = _read(line)
                    if batch is None:
                        self.damaged += 1
                    else:
                        yield batch
        except FileNotFoundError:
            return

    def clear(self) -> None:
        """All of it is in the database."""
        self._path.unlink(missing_ok=True)


def _told(change: UsageChange) -> dict[str, Any]:
    told = {"kind": type(change).__name__, **_storable(asdict(change))}
    if isinstance(change, Opened):
        told["session"] = _storable(told["session"])
    return told


def _storable(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: storable(value) if type(value) is str else value for name, value in fields.items()}


def _read(line: bytes) -> tuple[UsageChange, ...] | None:
    try:
        return tuple(_KINDS[each.pop("kind")](each) for each in orjson.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _opened(told: Mapping[str, Any]) -> UsageChange:
    session = told["session"]
    return Opened(
        session=UsageSession(
            **{**session, "out": _moment(session["out"]), "source": UsageSource(session["source"])}
        )
    )


def _closed(told: Mapping[str, Any]) -> UsageChange:
    return Closed(
        key=told["key"],
        at=datetime.fromisoformat(told["at"]),
        reason=EndReason(told["reason"]),
        out=_moment(told["out"]),
    )


def _moment(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], UsageChange]] = {
    "Opened": _opened,
    "Closed": _closed,
    "Reopened": lambda told: Reopened(key=told["key"], closed_at=datetime.fromisoformat(told["closed_at"])),
    "Recounted": lambda told: Recounted(key=told["key"], count=told["count"]),
}
