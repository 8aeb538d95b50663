"""The bare connect: is anybody listening? It sends no byte, because rlm logs an error for each."""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from datetime import timedelta

from rlm_exporter.errors import ProbeError
from rlm_exporter.probe.addresses import Address
from rlm_exporter.probe.ports import Clock, Resolver
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind, ProbeResult, TcpResult

STAGGER = 0.25
"""Seconds that one address may take before the next is tried beside it (RFC 8305)."""

OUR_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors that tell of this machine and not of the server."""


class ConnectProbe:
    """Connects to a port over whichever address answers first, and closes at once."""

    def __init__(self, *, clock: Clock, resolver: Resolver) -> None:
        self._clock = clock
        self._resolver = resolver

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> TcpResult:
        """Never raises for what the server does; ProbeError when this machine has no socket to give."""
        started_at, began = self._clock.now(), self._clock.monotonic()
        failure = await self._connect(host, port, timeout)
        return ProbeResult(
            kind=ProbeKind.TCP,
            started_at=started_at,
            duration=timedelta(seconds=self._clock.monotonic() - began),
            failure=failure,
        )

    async def _connect(self, host: str, port: int, timeout: timedelta) -> Failure | None:
        seconds = timeout.total_seconds()
        addresses: Sequence[Address] = ()
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolver.resolve(host)
                return classify(await first_to_answer(addresses, port), host, port)
        except TimeoutError:
            what = f"{host}:{port} did not take the connection" if addresses else f"{host} was not looked up"
            return Failure(reason=FailureReason.TIMEOUT, detail=f"{what} within {seconds:g} s")
        except OSError as error:  # only the lookup raises
            detail = f"{host} has no address: {error.strerror or error}"
            return Failure(reason=FailureReason.UNREACHABLE, detail=detail)


async def first_to_answer(addresses: Sequence[Address], port: int) -> list[OSError]:
    """Try the addresses one after the other, `STAGGER` apart or as soon as one fails.

    Returns no error as soon as one takes the connection, and all errors when none does.
    """
    errors: list[OSError] = []
    waiting = list(addresses)
    running: set[asyncio.Task[OSError | None]] = set()
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connect_once(waiting.pop(0), port)))
            done, running = await asyncio.wait(
                running, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.result()
                if error is None:
                    return []
                errors.append(error)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return errors


def classify(errors: Sequence[OSError], host: str, port: int) -> Failure | None:
    """One failure for a host of which every address failed; a refusal says most, so it goes first."""
    if not errors:
        return None
    codes = {error.errno for error in errors}
    if errno.ECONNREFUSED in codes:
        return Failure(reason=FailureReason.REFUSED, detail=f"nothing listens on {host}:{port}")
    if errno.ETIMEDOUT in codes:
        return Failure(reason=FailureReason.TIMEOUT, detail=f"{host}:{port} did not take the connection")
    words = "; ".join(sorted({error.strerror or str(error) for error in errors}))
    if codes <= OUR_ERRNOS:
        raise ProbeError(f"cannot connect from here to {host}:{port}: {words}")
    return Failure(reason=FailureReason.UNREACHABLE, detail=f"no way to {host}:{port}: {words}")


async def _connect_once(address: Address, port: int) -> OSError | None:
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(address.family, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, address.sockaddr(port))
            if _is_connected_to_itself(sock):
                return OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except OSError as error:
        # sock_connect writes its own words into the error; the system's are shorter.
        return OSError(error.errno, os.strerror(error.errno)) if error.errno is not None else error
    return None


def _is_connected_to_itself(sock: socket.socket) -> bool:
    """On one machine a port where nobody listens can be the very port that the kernel gave to us."""
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:  # accepted, and closed by the other side already
        return False
