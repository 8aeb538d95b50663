"""Names to addresses, in threads of their own: a dead name server must stall nothing but its own probes."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of a host, ready for a socket of that family."""

    family: socket.AddressFamily
    ip: str

    def sockaddr(self, port: int) -> tuple[str, int]:
        """What `connect` takes."""
        return (self.ip, port)


Lookup = tuple[Address, ...] | OSError
"""What a lookup ended with; a value, because a caller that gave up leaves nobody to raise it to."""


class SystemResolver:
    """Asks the system's resolver, at most once at a time for a name.

    The event loop's own `getaddrinfo` shares a handful of threads with everything else in the process, and
    each lookup at a dead name server holds one for half a minute, however early its caller gave up.
    """

    def __init__(self, *, look_up: Callable[[str], Lookup] | None = None) -> None:
        self._look_up = look_up or ask_system
        self._running: dict[str, Future[Lookup]] = {}
        self._lock = threading.Lock()

    async def resolve(self, host: str) -> tuple[Address, ...]:
        """The host's addresses in the system's order of preference; raises OSError as `getaddrinfo` does."""
        literal = _literal(host)
        if literal is not None:
            return (literal,)
        # Shielded: one caller that gives up must not end the lookup for the others.
        found = await asyncio.shield(asyncio.wrap_future(self._lookup(host)))
        if isinstance(found, OSError):
            raise OSError(found.errno, found.strerror) from found
        return found

    def _lookup(self, host: str) -> Future[Lookup]:
        with self._lock:
            running = self._running.get(host)
            if running is not None:
                return running
            future: Future[Lookup] = Future()
            future.set_running_or_notify_cancel()
            self._running[host] = future
        # A daemon thread, because the end of the process must not wait for a name server.
        threading.Thread(target=self._work, args=(host, future), name=f"resolve {host}", daemon=True).start()
        return future

    def _work(self, host: str, future: Future[Lookup]) -> None:
        found = self._look_up(host)
        with self._lock:
            del self._running[host]
        future.set_result(found)


def _literal(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return Address(family=family, ip=str(address))


def ask_system(host: str) -> Lookup:
    """What the system's resolver says; blocks for as long as that takes."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long
        return OSError(socket.EAI_NONAME, "not a host name")
    except OSError as error:
        return error
    return tuple(Address(family=family, ip=str(sockaddr[0])) for family, _, _, _, sockaddr in found)
