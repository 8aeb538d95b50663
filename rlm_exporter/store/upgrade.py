"""Brings a database to the schema that this version knows, or says why it does not fit."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from rlm_exporter.errors import JournalAwayError, JournalError
from rlm_exporter.store.database import database_at
from rlm_exporter.store.ports import Database

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database, *, migrations: Path = MIGRATIONS) -> tuple[str | None, str]:
    """Upgrade in one transaction; a copy of an older SQLite journal is kept beside it first.

    Safe to repeat, and to run from several processes at once: the others wait and find nothing to do. Gives
    the revisions before and after; None = the database was empty.
    """
    config, scripts = _steps(migrations)
    head = _head(scripts)
    with database.upgrading() as connection:
        current = _current(connection, database)
        if current == head:
            return current, head
        _refuse_unknown(current, scripts, database)
        if current is not None:
            database.keep_copy(current)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    logger.info("journal %s: schema upgraded from %s to %s", database.name, current or "nothing", head)
    return current, head


def upgrade_at(url: str) -> tuple[str, str | None, str]:
    """Upgrade the database that a URL names; its name and the revisions before and after.

    Raises `JournalError` for everything that the database cannot do.
    """
    database = database_at(url)
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, *database.driver_errors)
    try:
        before, after = upgrade(database)
    except errors as error:
        raise explained(database, error) from error
    finally:
        database.engine.dispose()
    return database.name, before, after


def explained(database: Database, error: Exception) -> JournalError:
    """What the database or its driver raised, in words."""
    is_away = database.is_shared and isinstance(error, OperationalError)
    return (JournalAwayError if is_away else JournalError)(database.explain(error))


def check(database: Database, *, migrations: Path = MIGRATIONS) -> None:
    """Raise `JournalError` unless the schema is exactly ours, and say what to do."""
    _, scripts = _steps(migrations)
    with database.engine.connect() as connection:
        current = _current(connection, database)
    _refuse_unknown(current, scripts, database)
    if current != _head(scripts):
        had = "the database is empty" if current is None else f"its schema {current} is older"
        raise JournalError(
            f"journal {database.name}: {had}, and this version of rlm-ha needs {_head(scripts)}; "
            "run once, from any replica: rlm-ha db upgrade"
        )


def is_known(revision: str) -> bool:
    """Whether this version can work with a schema, or upgrade it."""
    _, scripts = _steps(MIGRATIONS)
    return revision in {script.revision for script in scripts.walk_revisions()}


def _steps(migrations: Path) -> tuple[Config, ScriptDirectory]:
    config = Config()
    # Alembic reads the option with configparser's rules, where a percent sign starts a reference.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def _head(scripts: ScriptDirectory) -> str:
    head = scripts.get_current_head()
    if head is None:
        raise JournalError("the installation is damaged: it has no schema; install rlm-ha-exporter again")
    return head


def _current(connection: Connection, database: Database) -> str | None:
    """The schema's revision; None in an empty database."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and inspect(connection).get_table_names():
        raise JournalError(
            f"journal {database.name}: the database holds tables of another program; give another one"
        )
    return current


def _refuse_unknown(current: str | None, scripts: ScriptDirectory, database: Database) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        kept = "that was kept" if not database.is_shared else "that you made"
        raise JournalError(
            f"journal {database.name}: its schema {current} is newer than this version of rlm-ha knows "
            f"(up to {scripts.get_current_head()}); install the newer version again, or put "
            f"back the copy {kept} before the upgrade"
        )
