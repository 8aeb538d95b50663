"""Brings a database to the schema that this version knows, or says why not."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from rlm_exporter.errors import JournalError
from rlm_exporter.store.sqlite import SqliteFile

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: SqliteFile, *, migrations: Path = MIGRATIONS) -> None:
    """Upgrade in one transaction; a copy of an older journal is kept beside it first.

    Safe to repeat, and to run from two processes at once: the second waits and finds nothing to do.
    """
    config = Config()
    # Alembic reads the option with configparser's rules, where a percent sign starts a reference.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with database.engine.connect() as connection:
        connection.execution_options(rlm_ha_writes=True)
        with connection.begin():
            current = _current(connection, database)
            if current == head:
                return
            _refuse_unknown(current, scripts, database)
            if current is not None:
                _keep_copy(current, database)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    logger.info("journal %s: schema upgraded from %s to %s", database.path, current or "nothing", head)


def _current(connection: Connection, database: SqliteFile) -> str | None:
    """The schema's revision; None in an empty database."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and inspect(connection).get_table_names():
        raise JournalError(
            f"journal {database.path}: the database holds tables of another program; give another path"
        )
    return current


def _refuse_unknown(current: str | None, scripts: ScriptDirectory, database: SqliteFile) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise JournalError(
            f"journal {database.path}: its schema {current} is newer than this version of rlm-ha knows "
            f"(up to {scripts.get_current_head()}); install the newer version again, or put "
            "back the copy that was kept before the upgrade"
        )


def _keep_copy(current: str, database: SqliteFile) -> None:
    copy = database.path.with_name(f"{database.path.name}.schema-{current}")
    database.copy_to(copy)
    logger.info("journal %s: kept a copy as %s before the upgrade", database.path, copy)
