"""The page a person opens first: who is active, how everybody is, what was decided and why."""

from functools import cache
from importlib import resources

from aiohttp import web
from jinja2 import Environment, StrictUndefined, Template

from rlm_exporter import __version__
from rlm_exporter.server.api import state_of
from rlm_exporter.server.documents import cluster_document
from rlm_exporter.server.services import SERVICES

HEADERS = {
    # Nothing of the page comes from anywhere else, and nothing on it runs.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Refresh": "5",
}


async def index(request: web.Request) -> web.Response:
    """GET /."""
    services = request.app[SERVICES]
    documents = [cluster_document(await state_of(services, each)) for each in services.controllers.values()]
    text = _template().render(clusters=documents, version=__version__)
    return web.Response(text=text, content_type="text/html", headers=HEADERS)


@cache
def _template() -> Template:
    environment = Environment(
        undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files(__package__).joinpath("templates/index.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)
