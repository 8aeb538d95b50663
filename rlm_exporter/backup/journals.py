"""The journal's database, of either kind, as a backup copies it and a restore puts it back."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from rlm_exporter.backup.journal_sqlite import SqliteStore
from rlm_exporter.backup.ports import JournalStore
from rlm_exporter.errors import BackupError, JournalError

SQLITE_WANTED = "sqlite:////absolute/path"
_SQLITE = re.compile(r"sqlite(?:\+[a-z0-9_]+)?:///")


def journal_at(url: str, *, seconds: float, environ: Mapping[str, str]) -> JournalStore:
    """The one that a store's URL names. Raises BackupError."""
    if prefix := _SQLITE.match(url):
        return SqliteStore(Path(unquote(url[prefix.end() :])), seconds=seconds)
    if url.startswith("sqlite"):
        raise BackupError(f"spec.store is not the path of a file; write {SQLITE_WANTED}")
    # SQLAlchemy and the driver take a while to import, and the driver may be missing.
    try:
        from rlm_exporter.backup.journal_postgresql import PostgresqlStore  # noqa: PLC0415
    except JournalError as error:
        raise BackupError(str(error)) from error
    return PostgresqlStore(url, seconds=seconds, environ=environ)
