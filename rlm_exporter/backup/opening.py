"""Reads a backup: unpacks it or only looks at it, and judges whether it is whole.

The tar is taken apart here and not by `extractall`, which in older Pythons unpacks wherever a tar likes.
Ours hold files and folders alone: with anything else, a link or a device say, it is none of ours.
"""

import contextlib
import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from rlm_exporter.backup.collect import CHUNK, sum_of
from rlm_exporter.backup.contents import LIST, SUM, Contents, from_json
from rlm_exporter.backup.scratch import scratch_folder
from rlm_exporter.errors import BackupError

FOLDER = "folder"
Look = Callable[[str], str | None]
"""What is at a place of a backup: `folder`, the sum of a file, or None where there is nothing."""


@contextmanager
def opened(backup: Path) -> Iterator[tuple[Contents, Path]]:
    """A whole backup's list and a folder with its files. Raises BackupError for one that is not whole."""
    if backup.is_dir():
        yield verified(backup), backup
        return
    with scratch_folder() as scratch:
        with contextlib.closing(_Unpacked(scratch)) as unpacked:
            _read(backup, unpacked)
        yield verified(scratch, name=backup), scratch


def verified(backup: Path, *, name: Path | None = None) -> Contents:
    """A whole backup's list, after all of it was read; nothing is unpacked. Raises BackupError."""
    name = name or backup
    if backup.is_dir():
        try:
            raw, told = (backup / LIST).read_bytes(), (backup / SUM).read_bytes()
        except FileNotFoundError:
            raw, told = b"", b""
        except OSError as error:
            raise BackupError(f"{name}: cannot be read: {error.strerror}") from error
        return _judged(raw, told, lambda place: _look(backup, place), name)
    sums = _Sums()
    _read(backup, sums)
    return _judged(sums.kept.get(LIST, b""), sums.kept.get(SUM, b""), sums.seen.get, name)


def _judged(raw: bytes, told: bytes, look: Look, backup: Path) -> Contents:
    if not raw or not told:
        raise BackupError(f"{backup}: {LIST} or {SUM} is missing: this backup was not finished")
    if told != f"{hashlib.sha256(raw).hexdigest()}  {LIST}\n".encode():
        raise BackupError(f"{backup}: {LIST} is not as it was written; use another backup")
    contents = from_json(raw, source=str(backup))
    wanted = {entry.place: FOLDER if entry.kind == "folder" else entry.sha256 for entry in contents.entries}
    wanted |= {part.place: part.sha256 for part in contents.parts}
    try:
        found = {place: look(place) for place in wanted}
    except OSError as error:
        raise BackupError(f"{error.filename or backup}: cannot be read: {error.strerror}") from error
    wrong = [
        f"{place}: {'is missing' if found[place] is None else 'differs'}"
        for place, sum_ in wanted.items()
        if found[place] != sum_
    ]
    if wrong:
        shown = "; ".join(wrong[:5]) + ("" if len(wrong) <= 5 else f"; and {len(wrong) - 5} more")
        raise BackupError(f"{backup}: is damaged: {shown}; use another backup")
    return contents


def _look(folder: Path, place: str) -> str | None:
    """A link is nothing that a backup holds: it could lead anywhere."""
    path = folder
    for name in place.split("/"):
        path /= name
        if path.is_symlink():
            return "link"
    if path.is_dir():
        return FOLDER
    if path.is_file():
        return sum_of(path)
    return "device" if path.exists() else None


# ---- one tar.gz


_BROKEN = (tarfile.TarError, EOFError, gzip.BadGzipFile, ValueError, zlib.error, RecursionError)
"""Tars that are damaged or none of ours; of the last, headers upon headers."""


class _Sink(Protocol):
    """Takes what is in a tar, one after the other."""

    def folder(self, place: str) -> None: ...

    def begin(self, place: str) -> None: ...

    def write(self, chunk: bytes) -> None: ...


def _read(backup: Path, sink: _Sink) -> None:
    try:
        with gzip.open(backup) as stream:
            with tarfile.open(
                fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape"
            ) as archive:
                top = _give(archive, sink)
            while stream.read(CHUNK):  # to the end, where gzip's own sum is
                pass
    except FileNotFoundError as error:
        raise BackupError(f"{backup}: there is no such backup; check the path") from error
    except _BROKEN as error:
        raise BackupError(f"{backup}: is no whole backup ({error}); use another one") from error
    except OSError as error:
        raise BackupError(f"{backup}: cannot be read: {error.strerror or error}") from error
    if top is None:
        raise BackupError(f"{backup}: is no backup of rlm-ha; one folder is wanted in it")


def _give(archive: tarfile.TarFile, sink: _Sink) -> str | None:
    """All that is below the one folder at the top, whose name it returns; None where there is no such."""
    tops = set()
    for info in archive:
        top, *below = parts = info.name.split("/")
        source = archive.extractfile(info) if info.isreg() and below else None
        if {"", ".", ".."}.intersection(parts) or (source is None and not info.isdir()):
            raise tarfile.ReadError(f"{info.name!r} is nothing that is in a backup of ours")
        tops.add(top)
        place = "/".join(below)
        if source is None:
            sink.folder(place)
        else:
            _copy(source, place, sink)
    return tops.pop() if len(tops) == 1 else None


def _copy(source: IO[bytes], place: str, sink: _Sink) -> None:
    sink.begin(place)
    while chunk := source.read(CHUNK):
        sink.write(chunk)


class _Sums:
    """Keeps the sums alone, and the two files that everything is judged by."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self._open: dict[str, hashlib._Hash] = {}
        self._folders: set[str] = set()
        self._at = ""

    @property
    def seen(self) -> dict[str, str]:
        """By place."""
        return {each: sum_.hexdigest() for each, sum_ in self._open.items()} | dict.fromkeys(
            self._folders, FOLDER
        )

    def folder(self, place: str) -> None:
        self._folders.add(place)

    def begin(self, place: str) -> None:
        self._at = place
        self._open[place] = hashlib.sha256()
        if place in {LIST, SUM}:
            self.kept[place] = b""

    def write(self, chunk: bytes) -> None:
        self._open[self._at].update(chunk)
        if self._at in self.kept:
            self.kept[self._at] += chunk


class _Unpacked:
    """Writes it below a folder. What cannot be written there is no fault of the backup."""

    def __init__(self, into: Path) -> None:
        self._into = into
        self._file: IO[bytes] | None = None

    def folder(self, place: str) -> None:
        with self._told():
            (self._into / place).mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self, place: str) -> None:
        self.close()
        with self._told():
            path = self._into / place
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = path.open("wb")
            path.chmod(0o600)

    def write(self, chunk: bytes) -> None:
        if self._file is not None:
            with self._told():
                self._file.write(chunk)

    def close(self) -> None:
        if self._file is not None:
            with self._told():
                self._file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = f"{error.strerror}; set TMPDIR to a folder with room"
            raise BackupError(f"the backup cannot be unpacked into {self._into}: {why}") from error
