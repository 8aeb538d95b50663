"""How far a restore came: a small file, so that one that was interrupted is taken up where it stopped."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rlm_exporter.errors import BackupError


@dataclass(slots=True, kw_only=True)
class RestoreState:
    """What a later run could not see by looking."""

    backup: str
    """The name of the backup that is put back."""
    steps_done: list[int] = field(default_factory=list)
    reload_due: list[str] = field(default_factory=list)
    """Balancers whose files were put, and that have not read them yet."""
    journal_put: bool = False
    """Whether the journal is back: once a daemon writes to it, nobody could tell."""
    held_back: list[str] = field(default_factory=list)
    """Servers from which we have clients kept, until they are seen to serve."""


class StateFile:
    """The file; written whole at each change, before what it tells is done."""

    def __init__(self, path: Path, *, backup: str) -> None:
        """Read what is there. Raises BackupError where it belongs to another backup, or cannot be read."""
        self.path = path
        self.state = RestoreState(backup=backup)
        self._read()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from the same restore: a server would be started twice. Raises BackupError."""
        path = self.path.with_name(f".{self.path.name}.lock")
        with contextlib.ExitStack() as stack:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(path.open("ab"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupError(f"{self.path}: this restore is under way; wait for its end") from error
            except OSError as error:
                raise BackupError(f"{path}: cannot be written: {error.strerror}; give --state") from error
            self._read()  # another may have come to its end meanwhile
            yield

    def _read(self) -> None:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            found = RestoreState(**document)
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError) as error:
            raise BackupError(f"{self.path}: cannot be read ({error}); delete it to begin anew") from error
        if found.backup != self.state.backup:
            raise BackupError(
                f"{self.path}: a restore of {found.backup} was begun and not ended; "
                "end it, or delete this file"
            )
        self.state = found

    def save(self) -> None:
        """Raises BackupError."""
        part = self.path.with_name(self.path.name + ".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                json.dump(asdict(self.state), file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            raise BackupError(f"{self.path}: cannot be written: {error.strerror}; give --state") from error

    def forget(self) -> None:
        """The restore has come to its end."""
        self.path.unlink(missing_ok=True)
