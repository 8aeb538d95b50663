"""Brings one alert to one sink, in limited time. What is secret is read from its file at each attempt."""

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from rlm_exporter.alerts.wording import headline, mail_text, posted_document, posted_path
from rlm_exporter.failover.hooks import shown_url
from rlm_exporter.manifest.formats import check_http_url
from rlm_exporter.manifest.model import AlertSink, HttpSink, MailSink, MailTls
from rlm_exporter.store.outbox_records import OutgoingAlert

MAILS_AT_ONCE = 4
"""A mail server that hangs holds a thread for some limits; the others must not wait for it."""


class SinkFailedError(Exception):
    """A sink did not take an alert; its text says why, and holds no secret."""


class Sinks:
    """Brings alerts to sinks."""

    def __init__(self, *, repeat: timedelta) -> None:
        self._repeat = repeat
        self._threads = ThreadPoolExecutor(max_workers=MAILS_AT_ONCE, thread_name_prefix="rlm-ha-mail")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def bring(
        self, alert: OutgoingAlert, sink: AlertSink, *, earlier: Sequence[OutgoingAlert] = ()
    ) -> None:
        """Returns when the sink has taken it; raises SinkFailedError.

        `earlier` is what it was told of the same alert before.
        """
        seconds = sink.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                match sink.kind:
                    case HttpSink():
                        await self._post(alert, sink.kind, earlier)
                    case MailSink():
                        loop = asyncio.get_running_loop()
                        await loop.run_in_executor(self._threads, _mail, alert, sink.kind, seconds)
        except TimeoutError as error:
            raise SinkFailedError(f"no answer within {seconds:g} s") from error

    async def _post(self, alert: OutgoingAlert, sink: HttpSink, earlier: Sequence[OutgoingAlert]) -> None:
        url = _address(sink)
        shown = shown_url(url)
        headers = {} if sink.token_file is None else {"Authorization": f"Bearer {_secret(sink.token_file)}"}
        document = posted_document(alert, sink.form, repeat=self._repeat, earlier=earlier)
        try:
            async with (
                aiohttp.ClientSession(trust_env=False) as session,
                session.post(
                    url.rstrip("/") + posted_path(sink.form) if posted_path(sink.form) else url,
                    json=document,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                if response.status >= 300:
                    raise SinkFailedError(f"{shown} answered {response.status}")
        except (aiohttp.InvalidURL, ValueError) as error:
            # Its own words would be the whole address, or the token.
            raise SinkFailedError(f"{shown} cannot be called: look at its address and token") from error
        except aiohttp.ClientResponseError as error:
            raise SinkFailedError(f"{shown} answered what is not HTTP") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SinkFailedError(f"{shown} cannot be reached: {error}") from error


def _address(sink: HttpSink) -> str:
    if sink.url_file is None:
        return sink.url or ""
    url = _secret(sink.url_file)
    try:
        check_http_url(url)
    except ValueError as error:
        raise SinkFailedError(f"{sink.url_file} holds no http:// or https:// address") from error
    return url


def _secret(path: str) -> str:
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise SinkFailedError(f"{path} cannot be read: {reason}") from error
    if not secret:
        raise SinkFailedError(f"{path} is empty")
    return secret


def _mail(alert: OutgoingAlert, sink: MailSink, seconds: float) -> None:
    """In a thread: smtplib waits. Each of its steps has the limit of the whole."""
    where = f"{sink.host}:{sink.port}"
    try:
        with _connection(sink, seconds) as server:
            if sink.tls is MailTls.STARTTLS:
                server.starttls(context=ssl.create_default_context())
            if sink.user is not None and sink.password_file is not None:
                server.login(sink.user, _secret(sink.password_file))
            refused = server.send_message(_letter(alert, sink))
    except smtplib.SMTPAuthenticationError as error:
        raise SinkFailedError(f"{where} refuses the login ({error.smtp_code})") from error
    except smtplib.SMTPResponseException as error:
        raise SinkFailedError(f"{where} answered {error.smtp_code}") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise SinkFailedError(f"{where} refuses {', '.join(sorted(error.recipients))}") from error
    except smtplib.SMTPException as error:
        raise SinkFailedError(f"{where}: {error}") from error
    except (OSError, UnicodeError) as error:
        raise SinkFailedError(f"{where} cannot be reached: {error}") from error
    if refused:
        raise SinkFailedError(f"{where} refuses {', '.join(sorted(refused))}; the others have it")


def _connection(sink: MailSink, seconds: float) -> smtplib.SMTP:
    if sink.tls is MailTls.TLS:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(sink.host, sink.port, timeout=seconds, context=context)
    return smtplib.SMTP(sink.host, sink.port, timeout=seconds)


def _letter(alert: OutgoingAlert, sink: MailSink) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = headline(alert)
    letter["From"] = sink.sender
    letter["To"] = ", ".join(sink.recipients)
    letter["Date"] = alert.created_at
    # The same at each attempt, so that a mailbox can tell what came twice.
    letter["Message-ID"] = f"<{alert.id}.{alert.created_at.timestamp():.0f}@rlm-ha>"
    letter.set_content(mail_text(alert))
    return letter
