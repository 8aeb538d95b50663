"""A journal of its own for each test, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.upgrade import upgrade
from tests.postgresql import PostgresqlServer
from tests.store.situations import url_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal's file is, or will be."""
    return tmp_path / "journal.db"


@pytest.fixture
def server_url(postgresql: PostgresqlServer) -> Iterator[str]:
    """An empty database on a PostgreSQL server."""
    url = postgresql.new_database()
    yield url
    postgresql.drop_database(url)


@pytest.fixture(scope="session")
def template(postgresql: PostgresqlServer) -> str:
    """A database with our schema, to be copied."""
    url = postgresql.new_database()
    database = database_at(url)
    upgrade(database)
    database.engine.dispose()
    return url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, path: Path) -> Iterator[str]:
    """A store of either kind that a journal can be opened on, with nothing in it."""
    if request.param == "sqlite":
        yield url_of(path)
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    made = server.new_database(request.getfixturevalue("template"))
    yield made
    server.drop_database(made)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """A database of either kind, brought to the newest schema step by step."""
    database = database_at(url)
    upgrade(database)
    yield database.engine.execution_options(rlm_ha_writes=True)
    database.engine.dispose()


@pytest.fixture
async def journal(url: str) -> AsyncIterator[Journal]:
    """An empty journal of either kind."""
    async with await Journal.open(url=url) as opened:
        yield opened


@pytest.fixture
async def file_journal(path: Path) -> AsyncIterator[Journal]:
    """An empty journal in a file."""
    async with await Journal.open(url=url_of(path)) as opened:
        yield opened
