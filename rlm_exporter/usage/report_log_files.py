"""The files of a report log on disk: one that is open, and those beside it."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rlm_exporter.rlm.report_log_place import HEAD_BYTES, LogHead, fingerprint, read_head, spans

_AFTER_NAME = frozenset("-._+ ")
"""What stands between a log's name and what rotation adds to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which file, whatever it is called now."""

    device: int
    inode: int


class OpenFile:
    """One file, read by place; stays the same file while others rename or remove it. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # A pipe would wait for its writer here.
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        facts = os.fstat(self._fd)
        self.identity = Identity(device=facts.st_dev, inode=facts.st_ino)
        if not stat.S_ISREG(facts.st_mode):
            self.close()
            raise OSError(errno.EINVAL, "this is no regular file", str(path))

    def close(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def size(self) -> int:
        """Bytes, now."""
        return os.fstat(self._fd).st_size

    def changed_ns(self) -> int:
        """When it was last written."""
        return os.fstat(self._fd).st_mtime_ns

    def read(self, offset: int, number: int) -> bytes:
        """As many bytes as are there, at most `number`."""
        parts: list[bytes] = []
        while number > 0:
            part = os.pread(self._fd, number, offset)
            if not part:
                break
            parts.append(part)
            offset, number = offset + len(part), number - len(part)
        return b"".join(parts)

    def head(self) -> LogHead:
        """What its first lines say."""
        return read_head(self.read(0, HEAD_BYTES))

    def first(self, offset: int) -> str:
        """The fingerprint of its first bytes, as remembered of a place."""
        return fingerprint(self.read(*spans(offset)[0]))

    def holds(self, *, offset: int, first: str, last: str) -> bool:
        """Whether up to a place it has what was read there."""
        if self.size() < offset:
            return False
        whole, end = spans(offset)
        return fingerprint(self.read(*end)) == last and fingerprint(self.read(*whole)) == first


def identity_of(path: Path) -> Identity | None:
    """Which file has that name now, if any."""
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Identity(device=facts.st_dev, inode=facts.st_ino)


def open_siblings(name: Path) -> Iterator[OpenFile]:
    """The files beside that look like rotated ones of that name; each is closed after its turn.

    Those that cannot be read, and those that are gone meanwhile, are passed over.
    """
    try:
        paths = sorted(name.parent.iterdir())
    except OSError:
        return
    for path in paths:
        if not _is_rotated(path.name, name):
            continue
        with suppress(OSError):
            file = OpenFile(path)
            try:
                yield file
            finally:
                file.close()


def _is_rotated(each: str, name: Path) -> bool:
    """`acme.rl.1`, `acme.rl-20260302`, `acme-20260302.rl`."""
    if each == name.name:
        return False
    if each.startswith(name.name):
        return each[len(name.name)] in _AFTER_NAME
    inside = each.removeprefix(name.stem).removesuffix(name.suffix)
    return len(inside) == len(each) - len(name.name) and inside[:1] in _AFTER_NAME and bool(name.suffix)
