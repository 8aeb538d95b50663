"""Documents as bytes, whatever stands in them (pure)."""

from typing import Any

import orjson


def json_bytes(document: Any) -> bytes:
    """JSON in UTF-8. What is no text, such as a file's name of other bytes, is shown as good as it can be."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps(_shown(document))


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_shown(key): _shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return value
