"""Asks name servers themselves, as HAProxy does: what /etc/hosts or a search list knows is not known there.

RFC 1035: one question in one datagram, of which only the header's answer is read.
"""

import asyncio
import contextlib
import random
import struct
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from rlm_exporter.rlm.address import parse_host_port

LIMIT = 2.0
"""Seconds for one answer."""
RESOLV_CONF = Path("/etc/resolv.conf")
_A, _AAAA, _IN = 1, 28, 1
_HEADER = struct.Struct("!HHHHHH")
_ASKS_FOR_RECURSION, _IS_ANSWER, _RCODE = 0x0100, 0x8000, 0x000F
_NO_SUCH_NAME = 3
_LONGEST_LABEL, _LONGEST_NAME = 63, 253


class Known(StrEnum):
    """What a name server says of a name."""

    YES = "yes"
    NO = "no"
    """There is no such name, or it has no address."""
    UNKNOWN = "unknown"
    """It does not answer, or refuses."""


async def know(name_servers: Iterable[str], name: str) -> Known:
    """What these `ADDRESS:PORT` know together: one that has an address is enough, as for HAProxy."""
    answers = await asyncio.gather(*(_knows(each, name) for each in name_servers))
    return next((word for word in (Known.YES, Known.NO) if word in answers), Known.UNKNOWN)


def of_this_machine(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """The name servers of resolv.conf. Raises OSError."""
    words = (line.split() for line in path.read_text("utf-8", "replace").splitlines())
    found = (each[1] for each in words if len(each) > 1 and each[0] == "nameserver")
    return tuple(f"[{each}]:53" if ":" in each else f"{each}:53" for each in found)


async def _knows(name_server: str, name: str) -> Known:
    said = [await _ask(name_server, name, kind) for kind in (_A, _AAAA)]
    if Known.YES in said:
        return Known.YES
    return Known.NO if Known.NO in said else Known.UNKNOWN


async def _ask(name_server: str, name: str, kind: int) -> Known:
    labels = name.rstrip(".").encode("idna" if not name.isascii() else "ascii").split(b".")
    if any(not 0 < len(label) <= _LONGEST_LABEL for label in labels) or len(name) > _LONGEST_NAME:
        return Known.NO
    number = random.randrange(0x10000)  # noqa: S311 - tells answers apart
    place = parse_host_port(name_server)
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Known] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Asking(number, answered), remote_addr=(place.host or "", place.port)
        )
    except OSError:
        return Known.UNKNOWN
    try:
        transport.sendto(_question(number, labels, kind))
        return await asyncio.wait_for(answered, LIMIT)
    except TimeoutError:
        return Known.UNKNOWN
    finally:
        transport.close()


def _question(number: int, labels: Sequence[bytes], kind: int) -> bytes:
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(number, _ASKS_FOR_RECURSION, 1, 0, 0, 0) + name + struct.pack("!HH", kind, _IN)


def read_answer(data: bytes, number: int) -> Known | None:
    """What an answer says; None for what is no answer to this question."""
    if len(data) < _HEADER.size:
        return None
    told, flags, _, answers, _, _ = _HEADER.unpack_from(data)
    if told != number or not flags & _IS_ANSWER:
        return None
    match flags & _RCODE:
        case 0:
            return Known.YES if answers else Known.NO
        case code:
            return Known.NO if code == _NO_SUCH_NAME else Known.UNKNOWN


class _Asking(asyncio.DatagramProtocol):
    def __init__(self, number: int, answered: asyncio.Future[Known]) -> None:
        self._number = number
        self._answered = answered

    def datagram_received(self, data: bytes, addr: object) -> None:
        found = read_answer(data, self._number)
        if found is not None and not self._answered.done():
            self._answered.set_result(found)

    def error_received(self, exc: Exception) -> None:
        with contextlib.suppress(asyncio.InvalidStateError):
            self._answered.set_result(Known.UNKNOWN)
