"""Looks at the daemon and at every balancer four times a second, and writes down what they say.

A program of its own, because nothing may happen beside the tests' own thread, which starts processes.

Arguments: RECORD CLUSTER_URL SERVERS NAME=SOCKET...; SERVERS are names with commas between.
"""

import http.client
import json
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rlm_exporter.errors import LoadBalancerError
from rlm_exporter.haproxy.stats_page import parse_view
from rlm_exporter.haproxy.view import BalancerNames

PACE = 0.25
LIMIT = 1.0
"""Seconds for one answer."""


class OverUnix(http.client.HTTPConnection):
    """HTTP to a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=LIMIT)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self._path)


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[http.client.HTTPResponse, str] | None:
    """A good answer, or None; the next question opens a new connection then."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    return (answer, text) if answer.status == 200 else None


def balancer(name: str, path: str, names: BalancerNames) -> dict[str, Any] | None:
    """What the worker says that takes new connections now: so a new connection each time."""
    connection = OverUnix(path)
    try:
        found = ask(connection, "/stats;csv")
    finally:
        connection.close()
    if found is None:
        return None
    answer, text = found
    headers = {name.title(): value for name, value in answer.getheaders()}
    try:
        view = parse_view(text, headers, balancer=name, names=names, read_at=datetime.now(UTC))
    except LoadBalancerError:
        return None
    return {"pid": view.pid, "active": view.active, "epoch": view.epoch, "held": sorted(view.pinned)}


def main() -> None:
    """Go on until killed."""
    record, url, servers, *sockets = sys.argv[1:]
    names = BalancerNames(license_backend="rlm_license_servers", servers=tuple(servers.split(",")))
    where = urlsplit(url)
    daemon = http.client.HTTPConnection(where.hostname or "", where.port, timeout=LIMIT)
    with Path(record).open("a", encoding="utf-8") as file:
        while True:
            seen = {
                name: balancer(name, path, names) for name, _, path in (one.partition("=") for one in sockets)
            }
            found = ask(daemon, where.path)
            look = {
                "t": time.monotonic(),
                "cluster": None if found is None else json.loads(found[1]),
                "balancers": seen,
            }
            file.write(json.dumps(look) + "\n")
            file.flush()
            time.sleep(PACE)


if __name__ == "__main__":
    main()
