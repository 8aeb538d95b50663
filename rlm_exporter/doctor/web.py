"""JSON from the HTTP interfaces of Prometheus and Alertmanager."""

import re
from json import JSONDecodeError
from typing import Any

import aiohttp

from rlm_exporter.errors import ProbeError

SECONDS = 8.0
UNCLEAR = "..."
NO_ADDRESS = "is no address that works here; write http://HOST:PORT"


def without_password(url: str) -> str:
    """As it may stand in a report; `...` for what comes after the scheme where that cannot be told apart."""
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        scheme, rest = "", url
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    more = rest[len(place) :]
    if "@" in more:
        # A password with a / in it looks like a host before it.
        return f"{scheme}{slashes}{UNCLEAR}"
    path = re.split("[?#]", more, maxsplit=1)[0]
    return f"{scheme}{slashes}{place.rpartition('@')[2]}{path}"


async def ask(url: str, *, method: str = "GET", document: Any = None, **query: str) -> Any:
    """The document that it answers; None for an empty answer. Raises ProbeError in words."""
    shown = without_password(url)
    if shown.endswith(UNCLEAR):
        raise ProbeError(f"{shown} {NO_ADDRESS}, and in a password %40 for @, %2F for /")
    if not url.startswith(("http://", "https://")):
        raise ProbeError(f"{shown} {NO_ADDRESS}")
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.request(method, url, json=document, params=query) as answer,
        ):
            if answer.status >= 300:
                raise ProbeError(f"{shown} answered {answer.status}")
            return await answer.json(content_type=None) if await answer.read() else None
    except TimeoutError:
        raise ProbeError(f"{shown} did not answer within {SECONDS:g} s") from None
    except (JSONDecodeError, UnicodeDecodeError) as error:
        raise ProbeError(f"{shown} cannot be asked: what answers is no JSON: {error}") from error
    except (aiohttp.InvalidURL, ValueError):
        # Not repeated: the address stands in its words, password and all.
        raise ProbeError(f"{shown} {NO_ADDRESS}") from None
    except aiohttp.ClientError as error:
        raise ProbeError(f"{shown} cannot be asked: {error}") from error
