"""The journal's database, of either kind, as a backup copies it and a restore puts it back."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from rlm_exporter.backup.journal_sqlite import SqliteStore
from rlm_exporter.backup.ports import JournalStore

_SQLITE = re.compile(r"sqlite(?:\+[a-z0-9_]+)?:///")


def journal_at(url: str, *, seconds: float, environ: Mapping[str, str]) -> JournalStore:
    """The one that a store's URL names. Raises BackupError."""
    if prefix := _SQLITE.match(url):
        return SqliteStore(Path(unquote(url[prefix.end() :])), seconds=seconds)
    # SQLAlchemy and the driver take a while to import.
    from rlm_exporter.backup.journal_postgresql import PostgresqlStore  # noqa: PLC0415

    return PostgresqlStore(url, seconds=seconds, environ=environ)
