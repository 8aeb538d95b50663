"""The daemon's log: one line an event on stderr, as logfmt or JSON."""

import json
import logging
import sys
from datetime import UTC, datetime


class LogfmtFormatter(logging.Formatter):
    """`time=… level=… logger=… msg="…"`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        message = _quoted(_text(self, record))
        return f"time={_time(record)} level={record.levelname.lower()} logger={record.name} msg={message}"


class JsonFormatter(logging.Formatter):
    """The same as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(
            {
                "time": _time(record),
                "level": record.levelname.lower(),
                "logger": record.name,
                "msg": _text(self, record),
            }
        )


def set_up_logging(*, level: str | None, form: str | None) -> None:
    """Log to stderr; the defaults are info and logfmt."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else LogfmtFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel((level or "info").upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(without_foreign_bytes)


def without_foreign_bytes(record: logging.LogRecord) -> bool:
    """Of what is no HTTP one short line: anybody can send it, and what it repeats may hold a token."""
    from aiohttp.http_exceptions import HttpProcessingError  # noqa: PLC0415 - only a server needs it

    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "refused what is not HTTP: %s", (type(error).__name__,)
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def _text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{formatter.formatException(record.exc_info)}"
    return text


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
