"""License files in a folder of this machine, written whole or not at all."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from rlm_exporter import durable
from rlm_exporter.errors import SyncError
from rlm_exporter.probe.aside import Aside
from rlm_exporter.sync.names import Present, arriving, check_name, former, is_loaded, may_be_ours

MOST_BYTES = 8 * 1024 * 1024
"""Of one license file."""
READABLE = 0o644
"""A new file's permissions: rlm runs as a user of its own."""

T = TypeVar("T")


class LocalFolder:
    """One folder. Each call ends within twice the limit, also on a dead NFS server.

    There a thread hangs for each call, until the server is back. So keep the folder for all calls: what hangs
    is not joined by more.
    """

    def __init__(self, folder: Path, *, limit: timedelta) -> None:
        self._folder = folder
        self._limit = limit
        self._reading = Aside[Present]("license folder")
        self._writing = Aside[None]("license folder")

    async def read(self) -> Present:
        """Every file that RLM would load; links are followed."""
        return await self._aside(self._reading, lambda: _read(self._folder))

    async def put(self, name: str, data: bytes) -> None:
        """Write it beside the old one and exchange them; the old one is kept under a name of ours."""
        check_name(name)
        await self._aside(self._writing, lambda: _put(self._folder, name, data))

    async def remove(self, name: str) -> None:
        """Have no such file."""
        check_name(name)
        await self._aside(self._writing, lambda: (self._folder / name).unlink(missing_ok=True))

    async def _aside(self, aside: Aside[T], work: Callable[[], T]) -> T:
        # What was given up ends first: two writers would get in each other's way. And what it brings nobody
        # asks for any more: it read what stood there then, or wrote something else.
        if not await aside.outlast(limit=self._limit):
            told = "an earlier call still hangs, so no other is begun; is it on a dead NFS?"
            raise SyncError(f"{self._folder}: {told}")
        try:
            return await aside.run(work, limit=self._limit)
        except TimeoutError:
            limit = self._limit.total_seconds()
            raise SyncError(f"{self._folder}: no answer within {limit:g} s; is it on a dead NFS?") from None
        except OSError as error:
            where = error.filename or self._folder
            raise SyncError(f"{where}: {error.strerror or error}") from error


def _read(folder: Path) -> Present:
    return {path.name: _content(path) for path in sorted(folder.iterdir()) if is_loaded(path.name)}


def _content(path: Path) -> bytes | None:
    try:
        return _bytes_of(path)
    except (OSError, SyncError):
        if may_be_ours(path.name):
            raise
        return None


def _bytes_of(path: Path) -> bytes:
    with open(path, "rb", opener=lambda file, flags: os.open(file, flags | os.O_NONBLOCK)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise SyncError(f"{path}: is no file, and RLM would try to load it; take it away")
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise SyncError(f"{path}: is larger than {MOST_BYTES // 1024 // 1024} MiB; this is no license file")
    return data


def _put(folder: Path, name: str, data: bytes) -> None:
    path = folder / name
    try:
        held = path.stat()
    except FileNotFoundError:
        held = None
    if held is not None:
        _write(folder / former(name), path.read_bytes(), held)
    fresh = folder / arriving(name)
    _write(fresh, data, held)
    fresh.replace(path)
    durable.sync(folder)


def _write(path: Path, data: bytes, held: os.stat_result | None) -> None:
    """Whole and on the disk, with the permissions and the owner that the file had."""
    path.unlink(missing_ok=True)
    mode = READABLE if held is None else stat.S_IMODE(held.st_mode)
    with open(path, "xb", opener=lambda file, flags: os.open(file, flags, 0o600)) as stream:
        stream.write(data)
        stream.flush()
        if held is not None:
            with suppress(PermissionError):
                os.fchown(stream.fileno(), held.st_uid, held.st_gid)
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
