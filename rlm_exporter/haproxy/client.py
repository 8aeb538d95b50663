"""The requests themselves: HTTP to one stats page, over TLS with a client certificate or a unix socket."""

import asyncio
import ssl
import stat
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from rlm_exporter.errors import CommandRefusedError, LoadBalancerError, StaleEpochError
from rlm_exporter.haproxy.ports import Clock
from rlm_exporter.haproxy.stats_page import Action, command_body, parse_view, refusal
from rlm_exporter.haproxy.view import BalancerNames, BalancerView
from rlm_exporter.manifest.model import HaproxyEndpoint

LIMIT = 2.0
"""Seconds for one request. A healthy stats page answers in under a millisecond."""

FRESH = 10.0
"""Seconds after which a reading ends its connection. A kept one stays with one worker for ever, and would not
show that another HAProxy answers on the same address."""

_LARGEST_ANSWER = 16 * 1024 * 1024


class StatsPageClient:
    """One HAProxy, read and steered through its stats page. Connections are kept between requests."""

    def __init__(self, *, endpoint: HaproxyEndpoint, names: BalancerNames, clock: Clock) -> None:
        self._endpoint = endpoint
        self._names = names
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._context: tuple[tuple[int, ...], ssl.SSLContext] | None = None
        """As made from the files of those times: making one takes tens of milliseconds."""
        self._url = _url(endpoint)
        self._fresh_at = clock.monotonic()

    @property
    def name(self) -> str:
        """The balancer's name in the manifest."""
        return self._endpoint.name

    async def close(self) -> None:
        """Close the kept connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def observe(self) -> BalancerView:
        """One reading of the balancer; raises LoadBalancerError when there is none to be had."""
        now = self._clock.monotonic()
        last = now - self._fresh_at >= FRESH
        if last:
            self._fresh_at = now
        status, headers, text = await self._request("GET", f"{self._url};csv", is_last=last)
        if status != 200:
            raise LoadBalancerError(f"{self.name}: the stats page answered {status}")
        try:
            return parse_view(text, headers, balancer=self.name, names=self._names, read_at=self._clock.now())
        except LoadBalancerError as error:
            raise LoadBalancerError(f"{self.name}: {error}") from error

    async def command(self, action: Action, servers: tuple[str, ...], *, epoch: int) -> None:
        """Tell the license backend's servers one action; ISV backends follow, because they track it.

        Raises StaleEpochError when this HAProxy has accepted a higher epoch, CommandRefusedError when it
        takes none from us, LoadBalancerError when it cannot be reached.
        DONE is not yet the truth: a worker that is about to end says it too, so read back.
        """
        if not servers:
            return
        body = command_body(self._names.license_backend, action, servers)
        status, headers, _ = await self._request("POST", self._url, body=body, epoch=epoch)
        if status == 409:
            seen = headers.get("X-Epoch", "")
            raise StaleEpochError(
                f"{self.name}: refuses epoch {epoch} (409): it has seen {seen or 'a higher one'}",
                seen=int(seen) if seen.isdigit() else None,
            )
        why = refusal(status, headers.get("Location"))
        if why is not None:
            raise CommandRefusedError(f"{self.name}: {action.value} {' '.join(servers)}: {why}")

    async def _request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        epoch: int | None = None,
        is_last: bool = False,
    ) -> tuple[int, dict[str, str], str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        if epoch is not None:
            headers["X-Epoch"] = str(epoch)
        if is_last:
            headers["Connection"] = "close"
        try:
            async with (
                asyncio.timeout(LIMIT),
                self._open().request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                raw = await self._whole(response)
                # Header names compare without case in HTTP; ours are few, so they are spelled one way here.
                found = {name.title(): value for name, value in response.headers.items()}
                return response.status, found, raw.decode("utf-8", "replace")
        except TimeoutError as error:
            raise LoadBalancerError(f"{self.name}: no answer within {LIMIT:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            if self._url.startswith("https:"):
                await self.close()  # certificates are renewed: the next request reads the files again
            raise LoadBalancerError(f"{self.name}: cannot be reached: {error}") from error

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        # One read gives what has arrived so far; a part of the statistics would look like missing servers.
        raw = bytearray()
        async for part in response.content.iter_any():
            raw += part
            if len(raw) > _LARGEST_ANSWER:
                raise LoadBalancerError(f"{self.name}: the answer is longer than {_LARGEST_ANSWER} bytes")
        return bytes(raw)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=self._connector(), trust_env=False)
        return self._session

    def _connector(self) -> aiohttp.BaseConnector:
        if self._endpoint.url.startswith("unix:"):
            return aiohttp.UnixConnector(path=self._endpoint.url.removeprefix("unix:"), limit=4)
        return aiohttp.TCPConnector(ssl=self._tls(), limit=4)

    def _tls(self) -> ssl.SSLContext:
        files = [name for name in (self._endpoint.client_cert, self._endpoint.ca_cert) if name is not None]
        try:
            facts = [Path(name).stat() for name in files]
            if not all(stat.S_ISREG(each.st_mode) for each in facts):
                raise OSError("not a regular file; a pipe would hold everything up")
            stamp = tuple(each.st_mtime_ns for each in facts)
            if self._context is not None and self._context[0] == stamp:
                return self._context[1]
            context = ssl.create_default_context(cafile=self._endpoint.ca_cert)
            if self._endpoint.client_cert is not None:
                context.load_cert_chain(self._endpoint.client_cert)
        except (OSError, ssl.SSLError) as error:
            raise LoadBalancerError(
                f"{self.name}: the certificates cannot be used ({', '.join(files)}): {error}"
            ) from error
        self._context = stamp, context
        return context


def _url(endpoint: HaproxyEndpoint) -> str:
    if endpoint.url.startswith("unix:"):
        return "http://localhost/stats"
    parts = urlsplit(endpoint.url)
    return f"https://{parts.netloc}{parts.path or '/stats'}"
