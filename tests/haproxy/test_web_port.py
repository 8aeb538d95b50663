"""The web port on a real HAProxy: TLS passed through, to the active server where that is asked for."""

import asyncio
import contextlib
import csv
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from rlm_exporter.haproxy.applied import SETTLE
from rlm_exporter.haproxy.balancer import Balancer
from rlm_exporter.haproxy.view import Desired
from tests.haproxy.lab import BALANCER_HOST, SERVER_HOSTS, TLS, Lab, desired, lab, until
from tests.haproxy.servers import who_answers
from tests.ports import free_port

CERTIFICATE, KEY = TLS / "rlm-cert.pem", TLS / "rlm-key.pem"


@dataclass(kw_only=True)
class WebInterface:
    """The web interface of one server: HTTPS, with a certificate of its own, and it says its name."""

    name: str
    host: str
    port: int
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATE, KEY)
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=context)

    async def die(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                body = self.name.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        self._writers.discard(writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A lab with web interfaces, and a browser's way to them."""

    lab: Lab
    port: int
    interfaces: dict[str, WebInterface]

    async def shown(self) -> str:
        """Whose page a browser gets that trusts nobody but RLM's own certificate; "" for none."""
        async with self.browser() as browser:
            try:
                return await self.get(browser)
            except aiohttp.ClientError:
                return ""

    def browser(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=CERTIFICATE)
        context.check_hostname = False
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def get(self, browser: aiohttp.ClientSession) -> str:
        limit = aiohttp.ClientTimeout(total=10)
        async with browser.get(f"https://{BALANCER_HOST}:{self.port}/", timeout=limit) as answer:
            return await answer.text()

    async def statuses(self) -> list[str]:
        """HAProxy's word for each server of the web backend."""
        text = (await self.lab.page("/stats;csv")).removeprefix("# ")
        return [
            row["status"]
            for row in csv.DictReader(text.splitlines())
            if row["pxname"] == "rlm_web_servers" and row["svname"] != "BACKEND"
        ]


@contextlib.asynccontextmanager
async def web_lab(folder: Path, *, follows: bool, without_track: bool = False) -> AsyncIterator[Web]:
    port = free_port((*SERVER_HOSTS, BALANCER_HOST))
    interfaces = {
        f"rlm{number}": WebInterface(name=f"rlm{number}", host=host, port=port)
        for number, host in enumerate(SERVER_HOSTS, start=1)
    }

    def change(text: str) -> str:
        before, mark, web = text.partition("\nbackend rlm_web_servers\n")
        return before + mark + (web.replace("track rlm_license_servers/", "#") if without_track else web)

    try:
        for interface in interfaces.values():
            await interface.start()
        async with lab(folder, web_port=port, web_follows=follows, change=change) as made:
            yield Web(lab=made, port=port, interfaces=interfaces)
    finally:
        for interface in interfaces.values():
            await interface.die()


async def moved(web: Web, balancer: Balancer, wanted: Desired) -> None:
    await balancer.move(wanted)
    web.lab.clock.pass_time(SETTLE.total_seconds())
    await balancer.converge(wanted)


@pytest.mark.row(22)
async def test_where_it_follows_the_web_port_leads_to_the_active_server_after_a_move(tmp_path: Path) -> None:
    async with web_lab(tmp_path, follows=True) as web, web.browser() as browser:
        balancer = web.lab.balancer()
        await balancer.move(desired("rlm1"))
        assert await web.get(browser) == "rlm1"
        await balancer.move(desired("rlm3", epoch=2))
        assert await web.get(browser) == "rlm3", "the kept connection to the old server has to be cut"
        assert await web.shown() == "rlm3"
        web.lab.clock.pass_time(SETTLE.total_seconds())
        await balancer.converge(desired("rlm3", epoch=2))
        assert [await web.shown() for _ in range(3)] == ["rlm3"] * 3
        view = await web.lab.view()
        assert view.web_differs is None
        assert {line.backend for line in view.lines} == {"rlm_license_servers", "rlm_isv_siemens"}


@pytest.mark.row(22)
async def test_where_it_does_not_follow_a_move_leaves_the_web_port_alone(tmp_path: Path) -> None:
    async with web_lab(tmp_path, follows=False) as web, web.browser() as browser:
        assert await web.get(browser) == "rlm1"
        await moved(web, web.lab.balancer(), desired("rlm3", "rlm1", epoch=2))
        assert await web.get(browser) == "rlm1"
        assert await web.shown() == "rlm1"
        assert not [status for status in await web.statuses() if status.startswith("MAINT")]
        assert (await web.lab.view()).web_differs is None


@pytest.mark.row(22)
async def test_a_dead_web_interface_of_the_active_server_moves_no_licenses(tmp_path: Path) -> None:
    async with web_lab(tmp_path, follows=True) as web:
        await moved(web, web.lab.balancer(), desired("rlm2"))
        await web.interfaces["rlm2"].die()
        assert await web.shown() == ""
        assert (await web.lab.view()).active == "rlm2"
        assert await who_answers(BALANCER_HOST, web.lab.port) == "rlm2"


async def test_somebody_who_is_logged_in_stays_when_the_first_web_interface_returns(tmp_path: Path) -> None:
    async with web_lab(tmp_path, follows=False) as web:
        assert await web.shown() == "rlm1"
        await web.interfaces["rlm1"].die()

        async def shown_elsewhere() -> bool:
            return await web.shown() == "rlm2"

        await until(shown_elsewhere, within=30, what="the page of rlm2")
        await web.interfaces["rlm1"].start()

        async def is_up() -> bool:
            return (await web.statuses())[0] == "UP"

        await until(is_up, within=30, what="rlm1 up in HAProxy's eyes")
        assert [await web.shown() for _ in range(3)] == ["rlm2"] * 3


async def test_a_web_backend_that_cannot_follow_is_told_and_holds_up_no_move(tmp_path: Path) -> None:
    async with web_lab(tmp_path, follows=True, without_track=True) as web:
        balancer = web.lab.balancer()
        await balancer.move(desired("rlm2", epoch=2))
        view = await web.lab.view()
        assert view.active == "rlm2"
        assert view.web_differs == "rlm_web_servers has rlm1 no check, rlm_license_servers has it MAINT"
