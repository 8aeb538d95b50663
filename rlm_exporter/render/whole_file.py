"""Writes a file that somebody may read at any moment."""

import contextlib
import os
import tempfile
from pathlib import Path

from rlm_exporter import durable


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """The old file or the new one is there at any moment, and the new one is on the disk when we return.

    A file that is there keeps its mode and, where we may, its owner; a link keeps leading where it leads.
    Raises OSError.
    """
    place = path.resolve()
    number, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            _keep_rights(file.fileno(), place, mode)
            os.fsync(file.fileno())
        Path(name).replace(place)
        durable.sync(place.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def _keep_rights(number: int, place: Path, mode: int) -> None:
    try:
        known = place.stat()
    except FileNotFoundError:
        os.fchmod(number, mode)
        return
    with contextlib.suppress(PermissionError):
        os.fchown(number, known.st_uid, known.st_gid)
    os.fchmod(number, known.st_mode & 0o7777)
