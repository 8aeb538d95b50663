"""Reads an rlm.conf: a file of settings that RLM itself does not know, in the form in which people write it.

A line is `KEY value`, or `KEY = value`; case does not matter, and `-` is as good as `_`. What begins with `#`
is a comment.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.errors import FormatError

_LINE = re.compile(r"(?P<key>[A-Za-z][A-Za-z0-9_-]*+)(?:[ \t]*+=[ \t]*+|[ \t]++|$)(?P<value>.*+)")
_COMMENT = re.compile(r"(?:^|\s)#.*+")
_SECONDS = re.compile(r"([0-9]{1,7})(?:\s?s)?", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,7}")
_ON = frozenset({"1", "yes", "true", "on", "enabled"})
_OFF = frozenset({"0", "no", "false", "off", "disabled"})


class RlmConfKey(StrEnum):
    """Every key that is known."""

    LICENSE_PATH = "LICENSE_PATH"
    LOG_FILE = "LOG_FILE"
    LOG_LEVEL = "LOG_LEVEL"
    WEB_INTERFACE_ENABLE = "WEB_INTERFACE_ENABLE"
    WEB_INTERFACE_PORT = "WEB_INTERFACE_PORT"
    WEB_INTERFACE_HTTPS = "WEB_INTERFACE_HTTPS"
    WEB_INTERFACE_CERT = "WEB_INTERFACE_CERT"
    WEB_INTERFACE_KEY = "WEB_INTERFACE_KEY"
    REDUNDANT_SERVER_ENABLE = "REDUNDANT_SERVER_ENABLE"
    REDUNDANT_HEARTBEAT_INTERVAL = "REDUNDANT_HEARTBEAT_INTERVAL"
    REDUNDANT_FAILOVER_TIMEOUT = "REDUNDANT_FAILOVER_TIMEOUT"
    REDUNDANT_SYNC_INTERVAL = "REDUNDANT_SYNC_INTERVAL"
    CONNECTION_TIMEOUT = "CONNECTION_TIMEOUT"
    MAX_CONNECTIONS = "MAX_CONNECTIONS"
    THREAD_POOL_SIZE = "THREAD_POOL_SIZE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting; `value` is the text, without quotes around it."""

    key: RlmConfKey
    value: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A line that is read over, and why."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RlmConf:
    """What a file says: each key once, in the order of the lines."""

    entries: tuple[Entry, ...]
    remarks: tuple[Remark, ...] = ()

    def text(self, key: RlmConfKey) -> str | None:
        """The value; None where the file is silent."""
        return next((entry.value for entry in self.entries if entry.key is key), None)

    def number(self, key: RlmConfKey) -> int | None:
        """A port, a count, or seconds."""
        value = self.text(key)
        return None if value is None else _number(value)

    def flag(self, key: RlmConfKey) -> bool | None:
        """Whether something is switched on; None where the file is silent."""
        value = self.text(key)
        return None if value is None else value.lower() in _ON


def parse_rlm_conf(data: bytes) -> RlmConf:
    """Read the whole file. Raises FormatError, with a line for each value that cannot be meant.

    A key that is not known is a remark: some other program may read it.
    """
    found: dict[RlmConfKey, Entry] = {}
    remarks: list[Remark] = []
    problems: list[str] = []
    for number, line in enumerate(_lines(data), 1):
        read = _read(number, line)
        match read:
            case Entry():
                problems += _problems(read)
                if read.key in found:
                    remarks.append(_repeated(found.pop(read.key), read))
                found[read.key] = read
            case Remark():
                remarks.append(read)
            case None:
                pass
    if problems:
        raise FormatError("\n".join(problems))
    entries = tuple(sorted(found.values(), key=lambda entry: entry.line))
    return RlmConf(entries=entries, remarks=tuple(remarks))


def _lines(data: bytes) -> list[str]:
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\0" in text:
        raise FormatError("line 1: this is no rlm.conf: it holds binary data")
    return re.split(r"\r\n|\r|\n", text)


def _read(number: int, line: str) -> Entry | Remark | None:
    bare = _COMMENT.sub("", line).strip()
    if not bare:
        return None
    parts = _LINE.fullmatch(bare)
    if parts is None:
        return Remark(line=number, text=f"{bare[:60]!r} is no setting; write KEY value")
    name = parts["key"].upper().replace("-", "_")
    if name not in RlmConfKey.__members__:
        return Remark(line=number, text=f"{parts['key']} is not known, and RLM does not read this file")
    value = parts["value"].strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return Entry(key=RlmConfKey[name], value=value, line=number)


def _repeated(before: Entry, after: Entry) -> Remark:
    return Remark(line=after.line, text=f"{after.key} stands in line {before.line} too; this line counts")


def _problems(entry: Entry) -> list[str]:
    wrong = _KINDS[entry.key](entry.value)
    return [] if wrong is None else [f"line {entry.line}: {entry.key}: {wrong}"]


def _number(value: str) -> int:
    found = _SECONDS.fullmatch(value)
    return int(found[1]) if found else 0


def _path(value: str) -> str | None:
    if value.startswith("/") and not any(ord(letter) < 32 for letter in value):
        return None
    return f"{value!r} is no absolute path; write one such as /opt/rlm/licenses"


def _switch(value: str) -> str | None:
    return None if value.lower() in _ON | _OFF else f"{value!r} is neither 1 nor 0"


def _port(value: str) -> str | None:
    if _COUNT.fullmatch(value) and 1 <= int(value) <= 65535:
        return None
    return f"{value!r} is no port; write a number from 1 to 65535"


def _time(value: str) -> str | None:
    return None if _number(value) > 0 else f"{value!r} is no time; write seconds, such as 30"


def _whole(value: str) -> str | None:
    return None if _COUNT.fullmatch(value) else f"{value!r} is no whole number"


def _some(value: str) -> str | None:
    return None if _COUNT.fullmatch(value) and int(value) > 0 else f"{value!r} is no number above 0"


_KINDS: dict[RlmConfKey, Callable[[str], str | None]] = {
    RlmConfKey.LICENSE_PATH: _path,
    RlmConfKey.LOG_FILE: _path,
    RlmConfKey.LOG_LEVEL: _whole,
    RlmConfKey.WEB_INTERFACE_ENABLE: _switch,
    RlmConfKey.WEB_INTERFACE_PORT: _port,
    RlmConfKey.WEB_INTERFACE_HTTPS: _switch,
    RlmConfKey.WEB_INTERFACE_CERT: _path,
    RlmConfKey.WEB_INTERFACE_KEY: _path,
    RlmConfKey.REDUNDANT_SERVER_ENABLE: _switch,
    RlmConfKey.REDUNDANT_HEARTBEAT_INTERVAL: _time,
    RlmConfKey.REDUNDANT_FAILOVER_TIMEOUT: _time,
    RlmConfKey.REDUNDANT_SYNC_INTERVAL: _time,
    RlmConfKey.CONNECTION_TIMEOUT: _time,
    RlmConfKey.MAX_CONNECTIONS: _some,
    RlmConfKey.THREAD_POOL_SIZE: _some,
}
"""What is wrong with a value, by key."""
