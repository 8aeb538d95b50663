"""The journal's database: its tables, and who of several daemons holds the cluster."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error
from rlm_exporter.doctor.site import Site
from rlm_exporter.errors import JournalError
from rlm_exporter.probe.aside import Aside

ABOUT = About(
    name="journal", looks_at="the journal's migrations, and who holds the cluster's lease (--store)"
)
LIMIT = timedelta(seconds=15)
"""A PostgreSQL that says nothing is given up sooner, and said to be silent."""


async def examine(site: Site, *, limit: timedelta = LIMIT) -> Outcome:
    """Only reads."""
    store = site.asked.store
    if store is None:
        return Skipped(why="say which database by --store")
    try:
        # In a thread that the end does not wait for: a file on a dead mount holds it for good.
        looked = Aside[list[Finding]]("journal").run(lambda: _look(store, site.cluster.name), limit=limit)
        return tuple(await looked)
    except JournalError as problem:
        what = str(problem)
    except TimeoutError:
        what = f"the journal gave no answer within {limit.total_seconds():g} s"
    why, remedy = "without it no move is made", "rlm-ha db upgrade, or bring the database back"
    return (error("journal", what, why=why, remedy=remedy),)


def _look(store: str, cluster: str) -> list[Finding]:
    # SQLAlchemy takes a while to import.
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from rlm_exporter.store.database import database_at, is_shared  # noqa: PLC0415
    from rlm_exporter.store.leases import read_leases  # noqa: PLC0415
    from rlm_exporter.store.upgrade import check  # noqa: PLC0415

    if store.startswith("sqlite") and not Path(sqlite_path(store)).exists():
        raise JournalError(f"journal {store}: there is no such file")  # looking must not make it
    database = database_at(store)
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, *database.driver_errors)
    try:
        check(database)
        if not is_shared(store):
            return []
        with database.engine.connect() as connection:
            held = [lease.cluster for lease in read_leases(connection) if not lease.expired]
    except errors as problem:
        raise JournalError(database.explain(problem)) from problem
    finally:
        database.engine.dispose()
    return list(_unheld(cluster, held))


def sqlite_path(store: str) -> str:
    """The file that `sqlite:///PATH` names."""
    return urlsplit(store).path[1:]


def _unheld(cluster: str, held: list[str]) -> Iterator[Finding]:
    if cluster not in held:
        yield error(
            cluster,
            "no daemon holds its lease",
            why="nobody looks after the cluster: no failover would be made",
            remedy="start a daemon (rlm-ha serve) that has this cluster and this database",
        )
