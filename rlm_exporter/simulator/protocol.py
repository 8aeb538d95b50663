"""The simulator's own wire: one JSON object a line, a request and its reply.

RLM's real protocol is proprietary. Nothing but `json` is imported here, because `rlmutil` is started anew
for every probe.
"""

import json

from rlm_exporter.errors import FormatError

Message = dict[str, object]

NO_PRODUCT = -1
EXPIRED = -3
BAD_VERSION = -6
TOO_MANY = -8
ALL_IN_USE = -22
UNKNOWN_HANDLE = -28
TOO_YOUNG = -1000
"""rlmremove came too early; RLM's own code and words are not known."""
BAD_RESPONSE = -106
NO_SERVER = -112

STATUS_TEXT = {
    NO_PRODUCT: "No authorization for product",
    EXPIRED: "Authorization has expired",
    BAD_VERSION: "Requested version not supported",
    TOO_MANY: "Request for more licenses than exist",
    TOO_YOUNG: "License was checked out less than min_remove seconds ago",
    ALL_IN_USE: "All licenses in use",
    UNKNOWN_HANDLE: "Server does not know this license handle",
    BAD_RESPONSE: "Unexpected response",
    NO_SERVER: "No server for this ISV",
}


def encode(message: Message) -> bytes:
    """One line, with its end."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Read one line; raises FormatError if it is not a whole JSON object."""
    try:
        value = json.loads(line)
    except ValueError as error:
        raise FormatError(f"not a message of the simulator: {line[:80]!r}") from error
    if not isinstance(value, dict):
        raise FormatError(f"not a JSON object: {line[:80]!r}")
    return value


def text(message: Message, key: str, default: str = "") -> str:
    """The text under `key`; raises FormatError if something else is there."""
    value = message.get(key, default)
    if not isinstance(value, str):
        raise FormatError(f"{key}: text expected, not {value!r}")
    return value


def number(message: Message, key: str, default: int = 0) -> int:
    """The whole number under `key`; raises FormatError if something else is there."""
    value = message.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormatError(f"{key}: a whole number expected, not {value!r}")
    return value


def amount(message: Message, key: str, default: float = 0.0) -> float:
    """The number under `key`; raises FormatError if something else is there."""
    value = message.get(key, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise FormatError(f"{key}: a number expected, not {value!r}")
    return float(value)


def refusal(server: str, code: int) -> Message:
    """The reply that says no, with RLM's status code and its words."""
    return {"server": server, "error": code, "text": STATUS_TEXT[code]}
