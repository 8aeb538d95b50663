import asyncio
import socket
import ssl
import time
from datetime import timedelta

import pytest

from rlm_exporter.probe.addresses import Address, SystemResolver
from rlm_exporter.probe.certificate import certificate_ends
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.result import FailureReason, WebAnswer, WebResult
from rlm_exporter.probe.web import HttpProbe
from tests.probe.programs import open_files, until
from tests.probe.servers import TLS, Talk, serving

pytestmark = pytest.mark.row(5)

LONG = timedelta(seconds=20)
SHORT = timedelta(seconds=0.3)
SOON = 3.0
CERTIFICATE_ENDS = certificate_ends(
    ssl.PEM_cert_to_DER_cert((TLS / "rlm-cert.pem").read_text(encoding="ascii"))
)


def answering(first_line: str, *headers: str) -> Talk:
    """A server of HTTP that says this to every request, and 400 to whatever else it hears."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(1000)
        said = [first_line, *headers] if request.startswith(b"GET / HTTP/1.1\r\n") else ["HTTP/1.1 400 Bad"]
        writer.write("\r\n".join([*said, "content-length: 0", "", ""]).encode())
        await writer.drain()

    return talk


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()
    await reader.read(1000)


async def ask(port: int, *, tls: bool, timeout: timedelta = LONG, host: str = "127.0.0.1") -> WebResult:
    probe = HttpProbe(tls=tls, clock=SystemClock(), resolver=SystemResolver())
    return await probe.probe(host, port, timeout=timeout)


def reason(result: WebResult) -> FailureReason:
    assert result.failure is not None
    return result.failure.reason


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
async def test_an_answer_is_up(tls: bool) -> None:
    async with serving(answering("HTTP/1.1 200 OK"), tls=tls) as port:
        result = await ask(port, tls=tls)
    assert result.ok
    assert result.payload == WebAnswer(
        status=200, tls=tls, certificate_ends=CERTIFICATE_ENDS if tls else None
    )
    assert result.duration > timedelta(0)


@pytest.mark.parametrize("line", ["HTTP/1.1 401 Unauthorized", "HTTP/1.1 404 Not Found", "HTTP/1.0 499 x"])
async def test_any_answer_below_500_is_up(line: str) -> None:
    async with serving(answering(line)) as port:
        result = await ask(port, tls=False)
    assert result.ok
    assert result.payload is not None
    assert result.payload.status == int(line.split()[1])


async def test_an_answer_of_500_and_above_is_down_and_its_status_is_kept() -> None:
    async with serving(answering("HTTP/1.1 503 Later")) as port:
        result = await ask(port, tls=False)
    assert reason(result) is FailureReason.HTTP_STATUS
    assert result.payload == WebAnswer(status=503, tls=False)


async def test_a_certificate_is_looked_at_whatever_the_answer_is() -> None:
    async with serving(answering("HTTP/1.1 503 Later"), tls=True) as port:
        result = await ask(port, tls=True)
    assert result.payload == WebAnswer(status=503, tls=True, certificate_ends=CERTIFICATE_ENDS)
    assert CERTIFICATE_ENDS is not None


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with serving(hang_up) as elsewhere:
        location = f"location: http://127.0.0.1:{elsewhere}/"
        async with serving(answering("HTTP/1.1 302 Found", location)) as port:
            result = await ask(port, tls=False)
    assert result.ok
    assert result.payload == WebAnswer(status=302, tls=False)


async def test_plain_http_in_place_of_tls_says_which_setting_to_change() -> None:
    async with serving(answering("HTTP/1.1 200 OK")) as port:
        result = await ask(port, tls=True)
    assert reason(result) is FailureReason.TLS
    assert result.failure is not None
    assert result.failure.detail == (
        f"127.0.0.1:{port} serves plain HTTP: set spec.monitoring.healthCheck.webTls: false"
    )


async def test_tls_in_place_of_plain_http_says_which_setting_to_change() -> None:
    async with serving(answering("HTTP/1.1 200 OK"), tls=True) as port:
        result = await ask(port, tls=False)
    assert reason(result) is FailureReason.TLS
    assert result.failure is not None
    assert result.failure.detail == (
        f"127.0.0.1:{port} serves HTTPS: set spec.monitoring.healthCheck.webTls: true"
    )


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
@pytest.mark.parametrize("talk", [hang_up, greet])
async def test_what_speaks_neither_is_garbage(talk: Talk, tls: bool) -> None:
    async with serving(talk) as port:
        assert reason(await ask(port, tls=tls)) is FailureReason.GARBAGE


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
async def test_silence_is_a_timeout(tls: bool) -> None:
    async with serving(say_nothing) as port:
        began = time.monotonic()
        result = await ask(port, tls=tls, timeout=SHORT)
    assert reason(result) is FailureReason.TIMEOUT
    assert time.monotonic() - began < SOON
    assert result.failure is not None
    assert ("webTls: false" in result.failure.detail) is tls


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
async def test_nobody_listening_is_refused(tls: bool) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert reason(await ask(sock.getsockname()[1], tls=tls)) is FailureReason.REFUSED


@pytest.mark.parametrize("host", ["rlm1", "a..b", "x" * 70, "a b"])
async def test_a_name_without_address_is_unreachable(host: str) -> None:
    class Unknown:
        async def resolve(self, host: str) -> tuple[Address, ...]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    probe = HttpProbe(tls=True, clock=SystemClock(), resolver=Unknown())
    assert reason(await probe.probe(host, 5054, timeout=LONG)) is FailureReason.UNREACHABLE


@pytest.mark.parametrize("host", ["::1", "[::1]"])
async def test_speaks_to_a_v6_address(host: str) -> None:
    async with serving(answering("HTTP/1.1 200 OK"), host="::1") as port:
        assert (await ask(port, tls=False, host=host)).ok


async def test_tries_every_address_of_a_name() -> None:
    class Both:
        async def resolve(self, host: str) -> tuple[Address, ...]:
            return (
                Address(family=socket.AF_INET6, ip="::1"),
                Address(family=socket.AF_INET, ip="127.0.0.1"),
            )

    probe = HttpProbe(tls=False, clock=SystemClock(), resolver=Both())
    async with serving(answering("HTTP/1.1 200 OK")) as port:
        assert (await probe.probe("rlm1", port, timeout=LONG)).ok


async def test_leaves_no_socket_open() -> None:
    async with serving(answering("HTTP/1.1 200 OK"), tls=True) as port, serving(say_nothing) as silent:
        before = open_files()
        await ask(port, tls=True)
        await ask(port, tls=False)
        await ask(silent, tls=True, timeout=SHORT)
        await until(lambda: open_files() == before)
