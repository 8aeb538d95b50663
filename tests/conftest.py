"""What tests of several rooms share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from rlm_exporter.simulator.launch import write_rlmutil
from tests.postgresql import PostgresqlServer

# How long an example takes says something of the machine: a busy one rests for longer than the 200 ms that
# are given to each. Speed is measured in bench/.
settings.register_profile(
    "any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


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


@pytest.fixture
def rlmutil(tmp_path: Path) -> Path:
    """Our stand-in for RLM's program, as the daemon runs it."""
    path = tmp_path / "rlmutil"
    write_rlmutil(path)
    return path
