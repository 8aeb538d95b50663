"""Asks the servers of a client's list one by one through rlmutil, and stand-ins for dead ones.

A stand-in is a port of this machine: one whose queue is full drops what comes, as a machine that is off; one
that nobody listens on refuses. So what a dead server costs is measured without killing any.
"""

import asyncio
import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rlm_exporter.drill.first_answer import Asked, Death
from rlm_exporter.errors import ProbeError
from rlm_exporter.probe import child
from rlm_exporter.probe.rlmutil_program import first_line
from rlm_exporter.rlm.client_env import CONNECT_TIMEOUT
from rlm_exporter.rlm.rlmstat import parse_rlmstat

OUTPUT_LIMIT = 64 * 1024 * 1024
HOST = "127.0.0.1"
FULL_AFTER = 16
"""Connections that fill a queue of none on every kernel."""
SETTLED = 0.3
"""Seconds after which a connection that is not taken never will be."""


async def ask_each(
    servers: Sequence[str], *, rlmutil: Path, connect_timeout: str | None, limit: timedelta
) -> tuple[Asked, ...]:
    """Each alone, all at the same time. Raises ProbeError where rlmutil does not run."""
    with tempfile.TemporaryDirectory(prefix="rlm-ha-client-") as folder:
        environment = _environment(folder, connect_timeout)
        asked = (_ask(each, rlmutil, Path(folder), environment, limit=limit) for each in servers)
        return tuple(await asyncio.gather(*asked))


async def cost_of_death(
    *, rlmutil: Path, connect_timeout: str | None, limit: timedelta
) -> dict[Death, float]:
    """Seconds until rlmutil gives a dead server up. Raises ProbeError."""
    with silent_port() as silent, refusing_port() as refusing:
        places = {Death.MACHINE: f"{silent}@{HOST}", Death.PROGRAM: f"{refusing}@{HOST}"}
        asked = await ask_each(
            list(places.values()), rlmutil=rlmutil, connect_timeout=connect_timeout, limit=limit
        )
    return {death: each.seconds for death, each in zip(places, asked, strict=True)}


def _environment(home: str, connect_timeout: str | None) -> Mapping[str, str]:
    """As a client has it, without lists of its own."""
    kept = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LANG": "C"}
    return kept if connect_timeout is None else {**kept, CONNECT_TIMEOUT: connect_timeout}


async def _ask(
    server: str, rlmutil: Path, folder: Path, environment: Mapping[str, str], *, limit: timedelta
) -> Asked:
    began = time.monotonic()
    try:
        ended = await child.run(
            [str(rlmutil), "rlmstat", "-a", "-c", server],
            cwd=folder,
            environment=environment,
            timeout=limit,
            limit=OUTPUT_LIMIT,
        )
    except OSError as error:
        raise ProbeError(
            f"{rlmutil} cannot be run: {error.strerror}; give its path with --rlmutil"
        ) from error
    seconds = time.monotonic() - began
    if ended.cut is not None:
        detail = f"no answer within {limit.total_seconds():g} s"
        return Asked(server=server, answered=False, seconds=seconds, detail=detail)
    answered = parse_rlmstat(ended.output).reachable
    said = "answers" if answered else first_line(ended.errors) or "no answer"
    return Asked(server=server, answered=answered, seconds=seconds, detail=said)


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes no connection and refuses none. Raises ProbeError where this kernel has none."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HOST, 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(FULL_AFTER):
            one = stack.enter_context(socket.socket())
            one.settimeout(SETTLED)
            try:
                one.connect((HOST, port))
            except TimeoutError:
                yield port
                return
    raise ProbeError("this kernel takes every connection, so a dead machine cannot be stood in for")


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that is ours, and on which nobody listens."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]
