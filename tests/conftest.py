"""What tests of several rooms share."""

import signal
from collections.abc import Iterator

import pytest

from tests.postgresql import PostgresqlServer


def pytest_configure() -> None:
    """Take SIGINT also where tests run in the background: it is ignored there, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """One server for all tests of a worker; each test takes a database of its own."""
    server = PostgresqlServer()
    yield server
    server.close()
