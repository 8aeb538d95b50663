"""What a backup and a restore need from outside, by shape."""

from pathlib import Path
from typing import Protocol

from rlm_exporter.backup.contents import SavedJournal
from rlm_exporter.backup.journal_look import JournalLook
from rlm_exporter.backup.serving import Standing


class JournalStore(Protocol):
    """The journal's database."""

    @property
    def file(self) -> str:
        """What its copy is called in a backup."""
        ...

    def save(self, folder: Path) -> SavedJournal:
        """Copy it into a folder. Raises BackupError."""
        ...

    def look(self, saved: SavedJournal, file: Path) -> JournalLook:
        """What stands there now. Changes nothing."""
        ...

    def put(self, saved: SavedJournal, file: Path, *, replace: bool, beside: Path) -> str:
        """Put the copy there, and say what became of the one before. Raises BackupError.

        `beside` is where that one is kept if its own place is no folder.
        """
        ...


class World(Protocol):
    """License servers as clients see them, the daemon, and the drill."""

    def serving(self) -> dict[str, Standing]:
        """By server of the saved manifest, asked now. Raises BackupError where nobody can be asked."""
        ...

    def active(self) -> str | None:
        """Who is active by the daemon; None where it does not know or is not there."""
        ...

    def knows_cluster(self) -> bool | None:
        """Whether the daemon looks after the cluster; None where it does not answer."""
        ...

    def deploy(self, manifest: str) -> None:
        """Have it look after it. Raises ApiError."""
        ...

    def maintain(self, server: str, *, enable: bool) -> bool:
        """Have clients kept from a server, or no longer; False where the daemon cannot or will not."""
        ...

    def drill(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        ...
