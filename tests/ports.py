"""Free TCP ports for tests, also when several test runs share the machine."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

_RANGE = range(12000, 32000)
"""Below Linux's ephemeral ports (from 32768), which outgoing connections could take at any moment."""
_ATTEMPTS = 2000


class _Claims:
    """One locked byte a port in a file that all test processes share; the kernel unlocks it when we end."""

    def __init__(self) -> None:
        path = Path(tempfile.gettempdir()) / f"rlm-ha-test-ports-{os.getuid()}"
        self._file = path.open("ab")
        self._mine: set[int] = set()

    def take(self, port: int) -> bool:
        """Whether the port is ours from now on; False too if it already was."""
        if port in self._mine:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._mine.add(port)
        return True


_claims = _Claims()


def free_port(hosts: Sequence[str] = ("127.0.0.1",), *, candidates: Iterable[int] | None = None) -> int:
    """A port on which nothing listens on any of these loopback addresses; never the same twice.

    The first of `candidates` that will do; they are drawn by chance where none are given.
    """
    for port in random.choices(_RANGE, k=_ATTEMPTS) if candidates is None else candidates:
        if _claims.take(port) and all(_can_bind(host, port) for host in hosts):
            return port
    raise RuntimeError(f"no free port on {', '.join(hosts)}")


def _can_bind(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
