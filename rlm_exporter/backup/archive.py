"""A backup on the disk, a folder or one tar.gz: whole or not there, and judged when it is opened."""

import contextlib
import fcntl
import gzip
import hashlib
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlm_exporter.backup.collect import CHUNK, same, sum_of
from rlm_exporter.backup.contents import LIST, SUM, Contents, from_json, to_json
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


def place(folder: Path, target: Path) -> None:
    """Give a sealed folder its name, on the disk when we return."""
    for root, folders, files in os.walk(folder):
        for name in (*files, *folders):
            (Path(root) / name).chmod(0o700 if name in folders else 0o600)
            _sync(Path(root) / name)
    _sync(folder)
    folder.rename(target)
    _sync(target.parent)


def pack(folder: Path, target: Path, *, name: str) -> None:
    """Write a sealed folder as one tar.gz."""
    number, part = tempfile.mkstemp(dir=target.parent, prefix=PART)
    with os.fdopen(number, "wb") as file:
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(folder, arcname=name, filter=_ours)
        file.flush()
        os.fsync(file.fileno())
    Path(part).rename(target)
    _sync(target.parent)


def _ours(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's in particular: who owned what stands in the list."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o700 if info.isdir() else 0o600
    return info


@contextmanager
def opened(backup: Path) -> Iterator[tuple[Contents, Path]]:
    """A whole backup's list and a folder with its files. Raises BackupError for one that is not whole."""
    if backup.is_dir():
        yield _judged(backup, backup), backup
        return
    with tempfile.TemporaryDirectory(prefix="rlm-ha-restore-") as scratch:
        folder = _unpacked(backup, Path(scratch))
        yield _judged(folder, backup), folder


def _unpacked(backup: Path, scratch: Path) -> Path:
    try:
        with gzip.open(backup) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                archive.extractall(scratch, filter="data")
            while stream.read(CHUNK):  # to the end, where gzip's own sum is
                pass
    except FileNotFoundError as error:
        raise BackupError(f"{backup}: there is no such backup; check the path") from error
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise BackupError(f"{backup}: is no whole backup ({error}); use another one") from error
    folders = list(scratch.iterdir())
    if len(folders) != 1:
        raise BackupError(f"{backup}: is no backup of rlm-ha; one folder is wanted in it")
    return folders[0]


def _judged(folder: Path, backup: Path) -> Contents:
    try:
        raw, told = (folder / LIST).read_bytes(), (folder / SUM).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"{backup}: {LIST} or {SUM} is missing: this backup was not finished") from error
    if told != f"{hashlib.sha256(raw).hexdigest()}  {LIST}\n":
        raise BackupError(f"{backup}: {LIST} is not as it was written; use another backup")
    contents = from_json(raw, source=str(backup))
    wrong = list(same(contents.entries, folder))
    wrong += [
        f"{part.place}: {'differs' if (folder / part.place).exists() else 'is missing'}"
        for part in contents.parts
        if not (folder / part.place).is_file() or sum_of(folder / part.place) != part.sha256
    ]
    if wrong:
        shown = "; ".join(wrong[:5]) + ("" if len(wrong) <= 5 else f"; and {len(wrong) - 5} more")
        raise BackupError(f"{backup}: is damaged: {shown}; use another backup")
    return contents


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


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
