"""Two daemons on one PostgreSQL. `ha2` is the stage's own, which tests ask; `ha1` is the one that acts first.

So whatever becomes of `ha1`, somebody is there to tell of it.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rlm_exporter.demo.layout import CLUSTER
from rlm_exporter.demo.stage import Stage
from rlm_exporter.store.database import database_at
from rlm_exporter.store.upgrade import upgrade
from tests.acceptance.meddling import start_serve
from tests.acceptance.seeing import HOLDERS, start_daemon_with_seam, wait_answers, wait_ready, wait_served
from tests.postgresql import PostgresqlServer

FIRST, SECOND = "ha1", "rlm-ha"
"""Names of the processes on stage."""

TAKEOVER = 18.0
"""Seconds: a lease that nobody gives away, and two looks."""


def first_port(stage: Stage) -> int:
    """Where `ha1` listens."""
    return stage.layout.prometheus_port


def first_url(stage: Stage) -> str:
    """The same, for requests."""
    return f"http://127.0.0.1:{first_port(stage)}"


@contextmanager
def shared_store(server: PostgresqlServer) -> Iterator[str]:
    """A database with our schema, and nothing in it."""
    url = server.new_database()
    database = database_at(url)
    upgrade(database)
    database.engine.dispose()
    yield url
    server.drop_database(url)


def start_first(stage: Stage, store: str) -> None:
    """`ha1`, until it acts."""
    start_serve(
        stage,
        name=FIRST,
        port=first_port(stage),
        state="state-ha1",
        options=("--store", store, "--name", "ha1", "--advertise", first_url(stage)),
    )
    wait_acts(stage, first_url(stage))


def start_first_with_gate(stage: Stage, store: str, moment: str, step: str) -> Path:
    """`ha1`, which halts at a point of an operation: the file appears; it goes on once that is removed."""
    gate = stage.folder / "gate"
    start_daemon_with_seam(
        stage, "halting_daemon.py", moment, step, str(gate), name=FIRST, port=first_port(stage), store=store
    )
    wait_acts(stage, first_url(stage))
    return gate


def start_second(stage: Stage, store: str) -> None:
    """`ha2`."""
    start_serve(
        stage,
        name=SECOND,
        options=("--store", store, "--name", "ha2", "--advertise", stage.layout.daemon_url),
    )
    wait_answers(stage, stage.layout.daemon_port)


def load(stage: Stage) -> None:
    """Clients that are served."""
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)


def lease_of(stage: Stage, url: str) -> dict[str, Any] | None:
    """The lease as the daemon at that address knows it; None while it does not answer."""
    document = stage.get(f"{url}/api/v1/clusters/{CLUSTER}")
    return None if document is None else document["failover"]["lease"]


def acts(stage: Stage, url: str) -> bool:
    """Whether the daemon at that address is the one that acts."""
    lease = lease_of(stage, url)
    return lease is not None and bool(lease["ours"])


def wait_acts(stage: Stage, url: str, *, within: float = 30) -> float:
    """Seconds until the daemon at that address acts."""
    return stage.wait(lambda: acts(stage, url), f"{url} as the one that acts", within=within)


@contextmanager
def wire(stage: Stage, to: int) -> Iterator[int]:
    """A wire to a port, as the process `wire` on stage; gives the port of its near end."""
    near = stage.layout.alertmanager_port
    command = [sys.executable, str(Path(__file__).with_name("relay.py")), str(near), str(to)]
    stage.processes.start("wire", command)
    stage.wait(lambda: _listens(near), "the wire", within=20)
    yield near


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
