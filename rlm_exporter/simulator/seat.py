"""A client's way to a seat: the main port, the ISV port it names, a checkout; and the seat held then."""

import asyncio
import time
from dataclasses import dataclass

from rlm_exporter.errors import FormatError, RlmExporterError
from rlm_exporter.simulator.event import ClientKind, Event, EventKind
from rlm_exporter.simulator.protocol import Message, decode, encode, number, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server as clients are told of it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.port}@{self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Who wants what, and how long (seconds) each port may take to answer."""

    client: ClientKind
    isv: str
    product: str
    version: str
    user: str
    host: str
    pid: int
    limit: float


class NoSeatError(RlmExporterError):
    """A way to a seat, or a seat, that ended; `kind` is the event that this makes."""

    def __init__(self, kind: EventKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(slots=True, kw_only=True)
class Trace:
    """What is known so far of one way to a seat."""

    client: ClientKind
    endpoint: Endpoint
    started: float
    main: str | None = None
    main_answered: float | None = None
    isv_server: str | None = None
    isv_started: float | None = None
    isv_answered: float | None = None

    def event(self, kind: EventKind, *, started: float, error: str | None = None) -> Event:
        """The event that ends now."""
        now = time.monotonic()
        return Event(
            t=now,
            wall=time.time(),
            kind=kind,
            client=self.client,
            endpoint=str(self.endpoint),
            started=started,
            ended=now,
            main=self.main,
            main_started=self.started,
            main_answered=self.main_answered,
            isv_server=self.isv_server,
            isv_started=self.isv_started,
            isv_answered=self.isv_answered,
            error=error,
        )


class Line:
    """One connection on which requests are answered in turn, each within a limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limit: float) -> None:
        self._reader = reader
        self._writer = writer
        self._limit = limit

    async def ask(self, request: Message) -> Message:
        """The reply; NoSeatError `stuck` on silence, `lost` if the connection ends, FormatError otherwise."""
        try:
            async with asyncio.timeout(self._limit):
                self._writer.write(encode(request))
                await self._writer.drain()
                answer = await self._reader.readline()
        except TimeoutError:
            raise NoSeatError(EventKind.STUCK, f"no answer within {self._limit:g} s") from None
        except OSError as error:
            raise NoSeatError(EventKind.LOST, str(error)) from error
        if not answer:
            raise NoSeatError(EventKind.LOST, "the connection was closed")
        return decode(answer)

    async def quiet(self, seconds: float) -> None:
        """Wait, and notice at once if the connection ends: NoSeatError `lost`."""
        try:
            async with asyncio.timeout(seconds):
                heard = await self._reader.read(1)
        except TimeoutError:
            return
        except OSError as error:
            raise NoSeatError(EventKind.LOST, str(error)) from error
        reason = "the server spoke unasked" if heard else "the connection was closed"
        raise NoSeatError(EventKind.LOST, reason)

    def close(self) -> None:
        """Drop the connection at once."""
        self._writer.transport.abort()


async def connect(host: str, port: int, *, limit: float) -> Line:
    """A connection within `limit` seconds; NoSeatError `stuck` or `failed` otherwise."""
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        raise NoSeatError(EventKind.STUCK, f"no connection within {limit:g} s") from None
    except OSError as error:
        raise NoSeatError(EventKind.FAILED, str(error)) from error
    return Line(reader, writer, limit=limit)


async def take_seat(errand: Errand, trace: Trace) -> tuple[Line, str]:
    """The ISV connection that holds the seat, and the seat's handle; `trace` is filled in on the way.

    NoSeatError says what went wrong, an answer that is not a license server's included.
    """
    try:
        return await _way_to_seat(errand, trace)
    except FormatError as error:
        raise NoSeatError(EventKind.FAILED, str(error)) from error


async def _way_to_seat(errand: Errand, trace: Trace) -> tuple[Line, str]:
    host, port = await _isv_place(errand, trace)
    trace.isv_started = time.monotonic()
    line = await connect(host, port, limit=errand.limit)
    try:
        reply = await _first_answer(line, _checkout(errand))
        trace.isv_server, trace.isv_answered = text(reply, "server"), time.monotonic()
        if "error" in reply:
            raise NoSeatError(EventKind.DENIED, f"{text(reply, 'text')} ({number(reply, 'error')})")
        return line, text(reply, "handle")
    except BaseException:
        line.close()
        raise


async def _isv_place(errand: Errand, trace: Trace) -> tuple[str, int]:
    """Where the main port says that the ISV server is; an empty host means the one we used."""
    line = await connect(trace.endpoint.host, trace.endpoint.port, limit=errand.limit)
    try:
        reply = await _first_answer(line, {"op": "isv", "isv": errand.isv})
    finally:
        line.close()
    trace.main, trace.main_answered = text(reply, "server"), time.monotonic()
    if "error" in reply:
        raise NoSeatError(EventKind.FAILED, f"{text(reply, 'text')} ({number(reply, 'error')})")
    return text(reply, "host") or trace.endpoint.host, number(reply, "port")


async def _first_answer(line: Line, request: Message) -> Message:
    """As `ask`; but who never had a seat cannot lose it."""
    try:
        return await line.ask(request)
    except NoSeatError as error:
        if error.kind is EventKind.LOST:
            raise NoSeatError(EventKind.FAILED, str(error)) from error
        raise


def _checkout(errand: Errand) -> Message:
    return {
        "op": "checkout",
        "product": errand.product,
        "version": errand.version,
        "count": 1,
        "user": errand.user,
        "host": errand.host,
        "pid": errand.pid,
    }
