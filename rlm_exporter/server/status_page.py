"""The page a person opens first: who is active, how everybody is, what was decided and why."""

from datetime import datetime
from functools import cache
from importlib import resources

from aiohttp import web
from jinja2 import Environment, StrictUndefined, Template

from rlm_exporter import __version__
from rlm_exporter.server.api import state_of
from rlm_exporter.server.documents import Document, cluster_document
from rlm_exporter.server.services import SERVICES

HEADERS = {
    # Nothing of the page comes from anywhere else, and nothing on it runs.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Refresh": "5",
}


async def index(request: web.Request) -> web.Response:
    """GET /."""
    services = request.app[SERVICES]
    states = [await state_of(services, each) for each in tuple(services.controllers.values())]
    text = render([cluster_document(each) for each in states], now=services.clock.now())
    return web.Response(text=text, content_type="text/html", headers=HEADERS)


def render(clusters: list[Document], *, now: datetime) -> str:
    """The page about these documents of the API."""
    return _template().render(clusters=clusters, now=now, version=__version__)


@cache
def _template() -> Template:
    environment = Environment(
        undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"clock": _clock, "since": _since, "span": _span}
    source = resources.files(__package__).joinpath("templates/index.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


def _clock(iso: str) -> str:
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M:%S UTC")


def _since(iso: str, now: datetime) -> str:
    return _span((now - datetime.fromisoformat(iso)).total_seconds())


def _span(seconds: float) -> str:
    """A length of time as a person says it, in its two largest units."""
    left = max(int(seconds), 0)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
