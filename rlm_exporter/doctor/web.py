"""JSON from the HTTP interfaces of Prometheus and Alertmanager."""

from typing import Any

import aiohttp

from rlm_exporter.errors import ProbeError

SECONDS = 8.0


def without_password(url: str) -> str:
    """As it may stand in a report."""
    scheme, slashes, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{place.rpartition('@')[2]}{slash}{path}"


async def ask(url: str, *, method: str = "GET", document: Any = None, **query: str) -> Any:
    """The document that it answers; None for an empty answer. Raises ProbeError in words."""
    shown = without_password(url)
    if not url.startswith(("http://", "https://")):
        raise ProbeError(f"{shown} is no address that works here; write http://HOST:PORT")
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
    except (aiohttp.ClientError, ValueError) as error:
        raise ProbeError(f"{shown} cannot be asked: {error}") from error
