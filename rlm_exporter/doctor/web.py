"""JSON from the HTTP interfaces of Prometheus and Alertmanager."""

from typing import Any

import aiohttp

from rlm_exporter.errors import ProbeError

SECONDS = 8.0


async def ask(url: str, *, method: str = "GET", document: Any = None, **query: str) -> Any:
    """The document that it answers; None for an empty answer. Raises ProbeError in words."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.request(method, url, json=document, params=query) as answer,
        ):
            if answer.status >= 300:
                raise ProbeError(f"{url} answered {answer.status}")
            return await answer.json(content_type=None) if await answer.read() else None
    except TimeoutError:
        raise ProbeError(f"{url} did not answer within {SECONDS:g} s") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise ProbeError(f"{url} cannot be asked: {error}") from error
