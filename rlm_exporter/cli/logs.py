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
