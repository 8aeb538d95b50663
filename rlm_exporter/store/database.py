"""Finds the database that a URL names."""

from rlm_exporter.errors import JournalError
from rlm_exporter.store.address import WANTED, shown, taken_apart
from rlm_exporter.store.ports import Database
from rlm_exporter.store.sqlite import SqliteFile


def database_at(url: str) -> Database:
    """The database at `sqlite:///PATH` or `postgresql://…`; `JournalError` for any other."""
    # Some tools write it so; SQLAlchemy does not know the word.
    parsed = taken_apart(
        url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
    )
    match parsed.get_backend_name():
        case "sqlite":
            return SqliteFile.at(parsed)
        case "postgresql":
            # The driver is an extra, and takes a tenth of a second to import.
            from rlm_exporter.store.postgresql import PostgresqlDatabase  # noqa: PLC0415

            return PostgresqlDatabase.at(parsed)
        case other:
            raise JournalError(f"journal {shown(parsed)}: {other} is not known; {WANTED}")


def is_shared(url: str) -> bool:
    """Whether several daemons may use the database that a URL names."""
    return url.startswith(("postgresql", "postgres:"))
