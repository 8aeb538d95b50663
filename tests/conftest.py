"""What tests of several rooms share."""

from collections.abc import Iterator

import pytest

from tests.postgresql import PostgresqlServer


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """One server for all tests of a worker; each test takes a database of its own."""
    server = PostgresqlServer()
    yield server
    server.close()
