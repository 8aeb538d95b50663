"""A backup on the disk, a folder or one tar.gz: whole or not there. `opening` reads it."""

import contextlib
import fcntl
import gzip
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rlm_exporter import durable
from rlm_exporter.backup.contents import LIST, SUM, Contents, to_json
from rlm_exporter.errors import BackupError

ENDING = ".tar.gz"
PART = ".part-"
LOCK = ".rlm-ha-backup.lock"


@contextmanager
def alone(into: Path) -> Iterator[None]:
    """Hold the folder of the backups: one is made at a time. Raises BackupError."""
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (into / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Nobody else is at work here, so these are of one that was killed.
            for left in into.glob(f"{PART}*"):
                remove(left)
            yield
    except BlockingIOError as error:
        raise BackupError(f"{into}: another backup is being made there; wait for its end") from error
    except OSError as error:
        place = error.filename or into
        raise BackupError(f"{place}: {error.strerror or error}; the backup was not made") from error


def seal(folder: Path, contents: Contents) -> None:
    """Write the list, and last its sum: without it nothing takes this folder for a backup."""
    raw = to_json(contents)
    _write(folder / LIST, raw)
    _write(folder / SUM, f"{hashlib.sha256(raw).hexdigest()}  {LIST}\n".encode())


def settle(folder: Path) -> None:
    """Have all of a sealed folder on the disk, for nobody but us."""
    for root, folders, files in os.walk(folder):
        for name in (*files, *folders):
            (Path(root) / name).chmod(0o700 if name in folders else 0o600)
            durable.sync(Path(root) / name)
    durable.sync(folder)


def pack(folder: Path, *, name: str) -> Path:
    """Write a sealed folder as one tar.gz beside it, which has no name of a backup yet."""
    number, path = tempfile.mkstemp(dir=folder.parent, prefix=PART)
    part = Path(path)
    try:
        with os.fdopen(number, "wb") as file:
            _write_tar(file, folder, name)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        part.unlink()  # a disk that is full is not to stay full by it
        raise
    return part


def _write_tar(file: IO[bytes], folder: Path, name: str) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6) as packed,
        tarfile.open(
            fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
        ) as archive,
    ):
        archive.add(folder, arcname=name, filter=_ours)


def give_name(part: Path, target: Path) -> None:
    """From here on it is a backup; on the disk when we return."""
    part.rename(target)
    durable.sync(target.parent)


def _ours(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's in particular: who owned what stands in the list."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o700 if info.isdir() else 0o600
    return info


def remove(path: Path) -> None:
    """Delete a backup, or what is left of one."""
    if path.is_dir() and not path.is_symlink():
        # First it loses its sum, so that what is left of it when we are killed is no backup.
        with contextlib.suppress(FileNotFoundError):
            (path / SUM).unlink()
        shutil.rmtree(path)
    else:
        path.unlink()


def _write(path: Path, raw: bytes) -> None:
    with path.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
