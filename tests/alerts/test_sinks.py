"""Each kind of sink, against a real server of its kind on loopback."""

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import requests

from rlm_exporter.alerts.sinks import SinkFailedError, Sinks
from rlm_exporter.manifest.model import AlertSink, HttpSink, MailSink, MailTls, PostedForm
from rlm_exporter.store.outbox_records import AlertRequest, MessageStatus, OutgoingAlert
from tests.cli.daemon import FixedDaemon, fixed
from tests.ports import free_port

REPEAT = timedelta(hours=4)
NOW = datetime.now(UTC)
ALERT = OutgoingAlert(
    id=7,
    request=AlertRequest(
        key="k",
        status=MessageStatus.FIRING,
        alertname="RlmHaAlert",
        severity="critical",
        component="licensing",
        message="No healthy\nservers available",
        cluster="prod",
        server=None,
        requested_by="ops",
    ),
    starts_at=NOW,
    created_at=NOW,
)
OVER = replace(
    ALERT,
    request=replace(ALERT.request, status=MessageStatus.RESOLVED),
    created_at=NOW + timedelta(milliseconds=1),
)


def http(form: PostedForm, url: str | None = None, **more: str) -> AlertSink:
    files: dict[str, str | None] = {"url_file": None, "token_file": None, **more}
    return AlertSink(
        name="s",
        kind=HttpSink(form=form, url=url, url_file=files["url_file"], token_file=files["token_file"]),
        timeout=timedelta(seconds=5),
    )


@pytest.fixture
async def there() -> AsyncIterator[FixedDaemon]:
    server = FixedDaemon()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def sinks() -> Iterator[Sinks]:
    with Sinks(repeat=REPEAT) as made:
        yield made


async def test_slack_gets_one_line_at_an_address_from_a_file(
    there: FixedDaemon, sinks: Sinks, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(f"{there.url}/T0/secret\n")
    there.on("POST", "/T0/secret", fixed({}))
    await sinks.bring(ALERT, http(PostedForm.SLACK, url_file=str(tmp_path / "url")))
    assert there.bodies == [{"text": "[CRITICAL] licensing/prod: No healthy servers available"}]


async def test_a_webhook_gets_the_document_and_the_token(
    there: FixedDaemon, sinks: Sinks, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t0p\n")
    there.on("POST", "/in", fixed({}))
    await sinks.bring(OVER, http(PostedForm.WEBHOOK, f"{there.url}/in", token_file=str(tmp_path / "token")))
    assert there.requests[0].headers["Authorization"] == "Bearer t0p"
    assert (there.bodies[0]["id"], there.bodies[0]["key"], there.bodies[0]["status"]) == (7, "k", "resolved")


async def test_a_refusal_is_a_failure_without_what_is_secret(there: FixedDaemon, sinks: Sinks) -> None:
    there.on("POST", "/T0/secret", fixed({}, status=403))
    with pytest.raises(SinkFailedError) as caught:
        await sinks.bring(ALERT, http(PostedForm.SLACK, f"{there.url}/T0/secret"))
    assert str(caught.value) == f"{there.url}/... answered 403"


@pytest.mark.parametrize("content", ["", "not an address", "http://h:port/secret"])
async def test_a_broken_file_of_an_address_is_named_and_not_shown(
    sinks: Sinks, tmp_path: Path, content: str
) -> None:
    (tmp_path / "url").write_text(content)
    with pytest.raises(SinkFailedError) as caught:
        await sinks.bring(ALERT, http(PostedForm.SLACK, url_file=str(tmp_path / "url")))
    assert str(tmp_path / "url") in str(caught.value)
    assert content == "" or content not in str(caught.value)


async def test_nobody_there_is_a_failure(sinks: Sinks) -> None:
    with pytest.raises(SinkFailedError, match="cannot be reached"):
        await sinks.bring(ALERT, http(PostedForm.WEBHOOK, f"http://127.0.0.1:{free_port()}/"))


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """A real one that tells nobody."""
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            str(shutil.which("alertmanager")),
            f"--config.file={tmp_path / 'am.yml'}",
            f"--storage.path={tmp_path / 'am'}",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{url}/-/ready", timeout=2).ok:
                    break
            assert time.monotonic() < deadline, "Alertmanager did not start"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def alerts_of(url: str) -> Any:
    return requests.get(f"{url}/api/v2/alerts", timeout=5).json()


async def test_alertmanager_has_it_until_it_is_resolved(alertmanager: str, sinks: Sinks) -> None:
    sink = http(PostedForm.ALERTMANAGER, f"{alertmanager}/")
    await sinks.bring(ALERT, sink)
    [found] = await asyncio.to_thread(alerts_of, alertmanager)
    assert found["labels"]["alertname"] == "RlmHaAlert"
    assert found["labels"]["alert_key"] == "k"
    assert datetime.fromisoformat(found["endsAt"]) - NOW >= 2 * REPEAT - timedelta(seconds=1)
    await sinks.bring(OVER, sink)
    assert await asyncio.to_thread(alerts_of, alertmanager) == []


def severity(alert: OutgoingAlert, word: str, *, at: int) -> OutgoingAlert:
    """The same alert, said with another severity some seconds later."""
    later = alert.created_at + timedelta(seconds=at)
    return replace(alert, request=replace(alert.request, severity=word), created_at=later)


async def test_an_alert_of_another_severity_ends_the_one_before_at_alertmanager(
    alertmanager: str, sinks: Sinks
) -> None:
    sink = http(PostedForm.ALERTMANAGER, alertmanager)
    begun = replace(ALERT, starts_at=NOW - timedelta(seconds=60), created_at=NOW - timedelta(seconds=60))
    warning, critical = severity(begun, "warning", at=0), severity(begun, "critical", at=20)
    await sinks.bring(warning, sink)
    await sinks.bring(critical, sink, earlier=(warning,))
    found = await asyncio.to_thread(alerts_of, alertmanager)
    assert [each["labels"]["severity"] for each in found] == ["critical"]

    calmer = severity(begun, "warning", at=40)
    await sinks.bring(calmer, sink, earlier=(critical, warning))
    found = await asyncio.to_thread(alerts_of, alertmanager)
    assert [each["labels"]["severity"] for each in found] == ["warning"]

    over = replace(calmer, request=replace(calmer.request, status=MessageStatus.RESOLVED), created_at=NOW)
    await sinks.bring(over, sink, earlier=(calmer, critical, warning))
    assert await asyncio.to_thread(alerts_of, alertmanager) == []


async def test_what_alertmanager_has_ended_by_itself_is_not_ended_again(
    there: FixedDaemon, sinks: Sinks
) -> None:
    there.on("POST", "/api/v2/alerts", fixed({}))
    old = severity(ALERT, "warning", at=0)
    new = severity(ALERT, "critical", at=int(2 * REPEAT.total_seconds()))
    await sinks.bring(new, http(PostedForm.ALERTMANAGER, there.url), earlier=(old, old))
    assert [each["labels"]["severity"] for each in there.bodies[0]] == ["critical"]


class MailServer:
    """As much of SMTP as a letter needs; a silent one says nothing at all."""

    def __init__(self, *, refuses: str = "", silent: bool = False) -> None:
        self.letters: list[str] = []
        self._refuses = refuses
        self._silent = silent
        self._calls: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._calls)

    def sink(self, *, timeout: float = 5) -> AlertSink:
        assert self._server is not None
        kind = MailSink(
            host="127.0.0.1",
            port=self._server.sockets[0].getsockname()[1],
            tls=MailTls.NONE,
            sender="rlm@example.com",
            recipients=("ops@example.com",),
        )
        return AlertSink(name="mail", kind=kind, timeout=timedelta(seconds=timeout))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.append(call)
        if not self._silent:
            writer.write(b"220 there\r\n")
        while line := (await reader.readline()).decode():
            if self._silent:
                continue
            if line.lower().startswith("data"):
                writer.write(b"354 go on\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 taken\r\n")
            elif line.lower().startswith("rcpt") and self._refuses and self._refuses in line:
                writer.write(b"550 nobody here\r\n")
            else:
                writer.write(b"221 bye\r\n" if line.lower().startswith("quit") else b"250 fine\r\n")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_mail_has_the_alert_in_its_subject_and_text(sinks: Sinks) -> None:
    async with MailServer() as server:
        await sinks.bring(ALERT, server.sink())
    [letter] = server.letters
    assert "Subject: [CRITICAL] licensing/prod: No healthy servers available" in letter
    assert "Severity: critical" in letter


async def test_a_mail_server_that_knows_nobody_is_a_failure(sinks: Sinks) -> None:
    async with MailServer(refuses="ops@") as server:
        with pytest.raises(SinkFailedError, match=r"refuses ops@example\.com"):
            await sinks.bring(ALERT, server.sink())
    assert server.letters == []


async def test_a_mail_server_that_hangs_is_waited_for_no_longer_than_said(sinks: Sinks) -> None:
    async with MailServer(silent=True) as server:
        with pytest.raises(SinkFailedError, match=r"no answer within|cannot be reached: timed out"):
            await sinks.bring(ALERT, server.sink(timeout=0.3))
