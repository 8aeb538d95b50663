"""A folder to unpack a backup into, which nobody but us can read, and which does not outlive its use."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlm_exporter.errors import BackupError

PREFIX = "rlm-ha-restore-"
LEFT_SECONDS = 60.0
"""After which a folder that nobody holds is one that was left: one that was just made may not be held yet."""


@contextmanager
def scratch_folder(*, left_seconds: float = LEFT_SECONDS) -> Iterator[Path]:
    """One of our own, held as long as it is used. What a killed run has left goes: keys may lie in it."""
    try:
        scratch = tempfile.TemporaryDirectory(prefix=PREFIX)
    except OSError as error:
        raise BackupError(f"there is no folder to unpack into: {error.strerror}; set TMPDIR") from error
    with scratch as name, _held(Path(name)):
        for left in Path(name).parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                _clear(left, left_seconds)
        yield Path(name)


def _clear(folder: Path, left_seconds: float) -> None:
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if is_ours and time.time() - status.st_ctime >= left_seconds:
        with _held(folder):
            shutil.rmtree(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    number = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)
