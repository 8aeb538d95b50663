"""Which clusters there are, and their manifests: what `deploy`, `export`, `config` and `optimize` ask for.

POST /api/v1/manifests takes every cluster of a text, or none:

    {"manifest": "apiVersion: ...", "source": "site.yaml", "dry_run": true, "after": {"site": 3}}

`after` are the revisions that a dry run has told; where there are others by now, nothing is done.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from rlm_exporter.errors import FormatError, ManifestError
from rlm_exporter.manifest.deployment import Deployed, Kept, NotDeployedError, RefusalKind
from rlm_exporter.manifest.document import Value
from rlm_exporter.manifest.tuning import settings_of, tuned
from rlm_exporter.manifest.writing import written_document
from rlm_exporter.server.by_hand import signed
from rlm_exporter.server.documents import Document
from rlm_exporter.server.ports import Deploying
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import (
    InvalidError,
    as_json,
    check_mapping,
    controller_of,
    read_body,
    refuse_forms,
    unknown_cluster,
    whole_body,
)
from rlm_exporter.server.services import CALLER, SERVICES

LARGEST_MANIFEST = 2 * 1024 * 1024
"""Bytes of a body; of the text in it a reader takes half."""
LONGEST_SOURCE = 512
STATUS = {
    RefusalKind.OWNED_BY_FILE: 409,
    RefusalKind.WOULD_MOVE: 409,
    RefusalKind.CHANGED_MEANWHILE: 412,
    RefusalKind.UNKNOWN_CLUSTER: 404,
}
"""The status of each refusal."""

FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What a browser posts without asking."""

DEPLOY = {"manifest": str, "source": str, "dry_run": bool, "after": dict, "requested_by": str}
CONFIG = {"settings": dict, "dry_run": bool, "requested_by": str}

Handler = Callable[[web.Request, Deploying], Awaitable[web.Response]]


def _handler(work: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        deploying = request.app[SERVICES].deploying
        if deploying is None:
            return problem(409, "fixed", "this daemon's clusters are fixed")
        try:
            return await work(request, deploying)
        except NotDeployedError as error:
            return problem(STATUS[error.kind], error.kind.value, str(error))
        except ManifestError as error:
            return problem(422, "invalid_manifest", str(error))
        except (InvalidError, FormatError) as error:
            return problem(422, "invalid", str(error))

    handle.__doc__ = work.__doc__
    return handle


@_handler
async def deploy(request: web.Request, deploying: Deploying) -> web.Response:
    """POST /api/v1/manifests."""
    refuse_forms(request)
    wish = _wish(await whole_body(request, largest=LARGEST_MANIFEST), request.get(CALLER))
    told = await deploying.deploy(
        wish["manifest"],
        source=wish.get("source") or "manifest",
        by=wish["requested_by"],
        dry_run=wish.get("dry_run", False),
        after=wish.get("after"),
    )
    return as_json(_told(told, dry_run=wish.get("dry_run", False)))


@_handler
async def manifest(request: web.Request, deploying: Deploying) -> web.Response:
    """GET /api/v1/clusters/NAME/manifest."""
    kept = deploying.kept(request.match_info["name"])
    return unknown_cluster(request) if kept is None else as_json(_kept(kept))


@_handler
async def config(request: web.Request, _: Deploying) -> web.Response:
    """GET /api/v1/clusters/NAME/config: the settings that `licenses config` and `optimize` change."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    cluster = controller.cluster
    return as_json({"cluster": cluster.name, "settings": dict(settings_of(cluster))})


@_handler
async def configure(request: web.Request, deploying: Deploying) -> web.Response:
    """POST /api/v1/clusters/NAME/config: change some of them."""
    name = request.match_info["name"]
    wish = signed(await read_body(request, CONFIG), request.get(CALLER))
    given = wish.get("settings") or {}
    found = tuned(check_mapping(given, dict.fromkeys(given, str), where="settings."))
    dry_run = wish.get("dry_run", False)
    told = await deploying.tune(name, found.values, by=_by(wish), dry_run=dry_run)
    return as_json({**_told(told, dry_run=dry_run), "said": list(found.said)})


@_handler
async def remove(request: web.Request, deploying: Deploying) -> web.Response:
    """DELETE /api/v1/clusters/NAME: look after a cluster no more."""
    by = request.get(CALLER) or request.query.get("requested_by", "")[:LONGEST_SOURCE] or "operator"
    told = await deploying.remove(request.match_info["name"], by=by)
    return as_json(_told((told,), dry_run=False))


@_handler
async def reload(request: web.Request, deploying: Deploying) -> web.Response:
    """POST /-/reload: read the files again."""
    if request.content_type in FORMS:
        raise InvalidError("no form is taken: any web page can have a browser post one")
    return as_json(_told(await deploying.reload(), dry_run=False))


def _wish(body: bytes, caller: str | None) -> dict[str, Any]:
    try:
        wish = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidError(f"not JSON: {error}") from error
    if not isinstance(wish, dict) or not wish.keys() <= set(DEPLOY):
        raise InvalidError(f"a mapping is wanted, of {', '.join(DEPLOY)} and nothing else")
    if type(wish.get("manifest")) is not str:
        raise InvalidError("manifest: the YAML text is missing")
    rest = {name: value for name, value in wish.items() if name not in {"manifest", "after"}}
    check_mapping(rest, DEPLOY)
    _check_after(wish.get("after"))
    return {**wish, "requested_by": _by(signed(rest, caller))}


def _check_after(after: object) -> None:
    if after is None:
        return
    if not isinstance(after, dict) or any(type(each) not in {int, type(None)} for each in after.values()):
        raise InvalidError("after: a mapping of clusters to revisions, null for one that is new")


def _by(wish: Mapping[str, Any]) -> str:
    return wish.get("requested_by") or "operator"


def _told(told: tuple[Deployed, ...], *, dry_run: bool) -> Document:
    return {"dry_run": dry_run, "clusters": [_deployed(each) for each in told]}


def _deployed(told: Deployed) -> Document:
    return {
        "cluster": told.cluster,
        "change": told.change,
        "differences": list(told.differences),
        "notes": list(told.notes),
        "revision": told.revision,
    }


def _kept(kept: Kept) -> Document:
    return {
        "cluster": kept.cluster,
        "owner": kept.owner,
        "source": kept.source,
        "revision": kept.revision,
        "deployed_at": None if kept.deployed_at is None else kept.deployed_at.isoformat(),
        "deployed_by": kept.deployed_by,
        "manifest": written_document(kept.document),
        "attached": None if kept.attached is None else _settings(kept.cluster, kept.attached),
    }


def _settings(cluster: str, balancer: Value) -> str:
    """A document that says of the balancer what the daemon's settings say."""
    kind: dict[str, Value] = {"apiVersion": "rlm-ha/v1", "kind": "ExporterConfig"}
    return written_document({**kind, "spec": {"loadBalancers": {cluster: balancer}}})
