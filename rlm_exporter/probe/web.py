"""The web probe: one GET of the first page. Any HTTP answer below 500 says that the interface is up.

rlm has served plain HTTP up to 15.0, either one in 15.x, and HTTPS with a certificate of its own making
since 16.0; which one is expected stands in the manifest.
"""

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from yarl import URL

from rlm_exporter.errors import ProbeError
from rlm_exporter.probe.certificate import certificate_ends
from rlm_exporter.probe.ports import Clock, Resolver
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind, ProbeResult, WebAnswer, WebResult
from rlm_exporter.probe.tcp import OUR_ERRNOS

SETTING = "spec.monitoring.healthCheck.webTls"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Misfit:
    """A connection that was made, and something on it that is not HTTP as we speak it."""

    detail: str


class HttpProbe:
    """Asks for `/` over TLS or in the clear, as the manifest says; follows no redirect."""

    def __init__(self, *, tls: bool, clock: Clock, resolver: Resolver) -> None:
        self._tls = tls
        self._clock = clock
        self._resolver = resolver
        self._ssl = _unverified()

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> WebResult:
        """Never raises for what the server does; ProbeError when this machine has no socket to give."""
        started_at, began = self._clock.now(), self._clock.monotonic()
        answer = await self._ask(host, port, timeout)
        return ProbeResult(
            kind=ProbeKind.WEB,
            started_at=started_at,
            duration=timedelta(seconds=self._clock.monotonic() - began),
            payload=answer if isinstance(answer, WebAnswer) else None,
            failure=answer if isinstance(answer, Failure) else _status_failure(answer),
        )

    async def _ask(self, host: str, port: int, timeout: timedelta) -> WebAnswer | Failure:
        found: WebAnswer | Failure | _Misfit | None = None
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                found = await self._get(host, port, tls=self._tls)
                if isinstance(found, _Misfit):
                    other = await self._get(host, port, tls=not self._tls)
                    if isinstance(other, WebAnswer):
                        return _wrong_way(host, port, tls=self._tls)
        except TimeoutError:
            if found is None:
                return _too_late(host, port, timeout, tls=self._tls)
        if isinstance(found, WebAnswer | Failure):
            return found
        return Failure(
            reason=FailureReason.GARBAGE, detail=f"{host}:{port} does not speak HTTP: {found.detail}"
        )

    async def _get(self, host: str, port: int, *, tls: bool) -> WebAnswer | Failure | _Misfit:
        try:
            url = URL.build(scheme="https" if tls else "http", host=host.strip("[]"), port=port, path="/")
        except ValueError as error:
            return Failure(reason=FailureReason.UNREACHABLE, detail=f"{host} is no host name: {error}")
        # A session a probe: what is asked is whether a new connection is answered, so none is kept.
        connector = aiohttp.TCPConnector(
            ssl=self._ssl, force_close=True, use_dns_cache=False, resolver=_Names(self._resolver)
        )
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, cookie_jar=aiohttp.DummyCookieJar(), response_class=_Answer
                ) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                ends = response.certificate_ends if isinstance(response, _Answer) else None
                return WebAnswer(status=response.status, tls=tls, certificate_ends=ends)
        except aiohttp.ClientConnectorDNSError as error:
            words = error.os_error.strerror or str(error.os_error)
            return Failure(reason=FailureReason.UNREACHABLE, detail=f"{host} has no address: {words}")
        except aiohttp.ClientSSLError as error:
            return _Misfit(detail=str(error))
        except aiohttp.ClientConnectorError as error:
            return _not_connected(error.os_error, host, port)
        except (aiohttp.ClientError, OSError) as error:
            return _Misfit(detail=str(error))


def _not_connected(error: OSError, host: str, port: int) -> Failure | _Misfit:
    if error.errno in OUR_ERRNOS:
        raise ProbeError(f"cannot connect from here to {host}:{port}: {error.strerror}") from error
    if isinstance(error, ConnectionRefusedError):
        return Failure(reason=FailureReason.REFUSED, detail=f"nothing listens on {host}:{port}")
    if isinstance(error, ConnectionError):
        return _Misfit(detail="it closed the connection in the TLS handshake")
    if error.errno == errno.ETIMEDOUT:
        return Failure(reason=FailureReason.TIMEOUT, detail=f"{host}:{port} did not take the connection")
    return Failure(
        reason=FailureReason.UNREACHABLE, detail=f"no way to {host}:{port}: {error.strerror or error}"
    )


def _wrong_way(host: str, port: int, *, tls: bool) -> Failure:
    serves, value = ("plain HTTP", "false") if tls else ("HTTPS", "true")
    return Failure(reason=FailureReason.TLS, detail=f"{host}:{port} serves {serves}: set {SETTING}: {value}")


def _too_late(host: str, port: int, timeout: timedelta, *, tls: bool) -> Failure:
    # A server of plain HTTP may wait for the end of the line that it takes our TLS for.
    hint = f" (if it serves plain HTTP, set {SETTING}: false)" if tls else ""
    detail = f"no answer from {host}:{port} within {timeout.total_seconds():g} s{hint}"
    return Failure(reason=FailureReason.TIMEOUT, detail=detail)


def _status_failure(answer: WebAnswer) -> Failure | None:
    if answer.status < 500:
        return None
    return Failure(reason=FailureReason.HTTP_STATUS, detail=f"the web interface answered {answer.status}")


def _unverified() -> ssl.SSLContext:
    """The question is whether the interface answers: neither who it is nor how well it encrypts."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


class _Answer(aiohttp.ClientResponse):
    """A response that looks at the certificate as it begins: one without a body loses its connection then."""

    certificate_ends: datetime | None = None

    async def start(self, connection: Connection) -> "_Answer":
        """Read the head of the answer."""
        transport = connection.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        self.certificate_ends = certificate_ends(shown) if shown else None
        await super().start(connection)
        return self


class _Names(AbstractResolver):
    """Our resolver in aiohttp's shape."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address.ip, port=port, family=address.family, proto=0, flags=0)
            for address in await self._resolver.resolve(host)
            if family in {socket.AF_UNSPEC, address.family}
        ]

    async def close(self) -> None:
        """Nothing is held."""
