"""A real PostgreSQL server for tests, on loopback, with a data directory of its own."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from tests.ports import free_port

USER = "rlm_ha"
PASSWORD = "only-for-tests"
LIMIT = 30.0
"""Seconds that a server may take to start or to end."""

ADDRESS = "127.0.0.1"


class PostgresqlServer:
    """Starts, ends, kills and freezes one server. It refuses to run as root: then it runs as nobody.

    `settings` are PostgreSQL's own, in place of those that suit tests.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._wanted = settings or {}
        self._folder = Path(tempfile.mkdtemp(prefix="rlm-ha-postgresql-"))
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.port = free_port()
        self._make()
        self.start()

    def url(self, database: str = "postgres", *, password: str = PASSWORD, port: int | None = None) -> str:
        """The address of a database, as `--store` takes it."""
        return f"postgresql://{USER}:{password}@{ADDRESS}:{port or self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """An empty database, or a copy of another one to which nobody is connected; its URL."""
        name = f"test_{next(self._numbers)}"
        with self.connection() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """End a database and whoever is connected to it."""
        name = sql.Identifier(url.rpartition("/")[2])
        with self.connection() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def connection(self) -> psycopg.Connection:
        """A connection in which each statement stands for itself."""
        return psycopg.connect(self.url(), autocommit=True)

    def start(self) -> None:
        """Start it where it ended, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = self._popen(
                [
                    "postgres",
                    "-D",
                    str(self._data),
                    "-p",
                    str(self.port),
                    *_settings(self._folder, self._wanted),
                ],
                log.fileno(),
            )
        end = time.monotonic() + LIMIT
        while True:
            try:
                self.connection().close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"PostgreSQL does not answer:\n{self.log()}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End it as an administrator does: connections are cut, everything is on disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as the kernel does; its children find out and end too."""
        self._end(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of it, those that are there now: connections stand, and nothing answers."""
        processes = self.processes()
        for number in processes:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGCONT)

    def log(self) -> str:
        """What it said."""
        return (self._folder / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it for good."""
        if self._process is not None and self._process.poll() is None:
            self.kill()  # nobody wants its data any more
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        with (self._folder / "log").open("ab") as log:
            process = self._popen(
                [
                    *("initdb", "--no-sync", "-D", str(self._data), "-U", USER, "--pwfile", str(secret)),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
                ],
                log.fileno(),
            )
        if process.wait(LIMIT) != 0:
            raise RuntimeError(f"initdb failed:\n{self.log()}")

    def _popen(self, command: list[str], log: int) -> subprocess.Popen[bytes]:
        program = shutil.which(command[0])
        if program is None:
            raise RuntimeError(f"{command[0]} is not on PATH; run the tests with make test")
        user = self._user
        return subprocess.Popen(
            [program, *command[1:]],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(LIMIT)
        end = time.monotonic() + LIMIT
        # A new one cannot start beside children of the old one.
        while self._children_of(self._process.pid) and time.monotonic() < end:
            time.sleep(0.02)

    def processes(self) -> list[int]:
        """Those that are there now, the first one first."""
        assert self._process is not None
        return [self._process.pid, *self._children_of(self._process.pid)]

    def _children_of(self, parent: int) -> list[int]:
        """Its children, also those it has left behind: they name the data directory as where they work."""
        found = []
        for each in Path("/proc").iterdir():
            if not each.name.isdecimal() or int(each.name) == parent:
                continue
            with contextlib.suppress(OSError):
                if (each / "cwd").readlink() == self._data:
                    found.append(int(each.name))
        return found


def _settings(folder: Path, wanted: Mapping[str, str]) -> Iterator[str]:
    settings = {
        "listen_addresses": ADDRESS,
        "unix_socket_directories": str(folder),
        "fsync": "off",  # what a killed process has written stays; a lost machine is not tested
        "max_connections": "60",
        "shared_buffers": "32MB",
        "autovacuum": "off",
        **wanted,
    }
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def ask(url: str, query: LiteralString, *values: object) -> list[tuple[object, ...]]:
    """Rows of one statement, by a connection of its own; what it changes stays."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description is not None else []
