"""A small real HTTP server that gives fixed answers where the daemon would give its own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.ports import free_port

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, kw_only=True)
class FixedDaemon:
    """Serves what `answers` has for `METHOD PATH`; several answers are given in turn, the last one again."""

    port: int = field(default_factory=free_port)
    answers: dict[str, list[Handler]] = field(default_factory=dict)
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def on(self, method: str, path: str, *handlers: Handler) -> None:
        """Answer these requests so, in turn."""
        self.answers[f"{method} {path}"] = list(handlers)

    async def start(self) -> None:
        """Listen; after a stop, on the same port again."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.json() if request.can_read_body else None)
        handlers = self.answers.get(f"{request.method} {request.path}")
        if not handlers:
            return web.Response(status=404, text="no such page")
        return await (handlers.pop(0) if len(handlers) > 1 else handlers[0])(request)


def fixed(document: Any, *, status: int = 200) -> Handler:
    """Always this JSON document."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(document, status=status)

    return answer


def said(text: str, *, status: int = 200) -> Handler:
    """Always these lines."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status)

    return answer


def problem(status: int, kind: str, detail: str) -> Handler:
    """Always this problem."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        document = {
            "type": f"urn:rlm-ha:{kind}",
            "title": kind,
            "status": status,
            "detail": detail,
            "kind": kind,
        }
        return web.json_response(document, status=status, content_type="application/problem+json")

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Drop the connection without an answer, as a daemon does that is killed."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
