"""Entries about which clusters there are, and their manifests. Pure."""

from rlm_exporter.manifest.deployment import Change, Owner, RefusalKind
from rlm_exporter.manifest.tuning import KNOWN
from rlm_exporter.server.auth import Role
from rlm_exporter.server.manifests import LONGEST_SOURCE, STATUS
from rlm_exporter.server.openapi.entry import Body, Entry, Problems, Told
from rlm_exporter.server.openapi.parameters import NAME, query
from rlm_exporter.server.openapi.shapes import (
    LONGEST_NUMBER,
    Schema,
    answer,
    listed,
    maybe,
    moment,
    ref,
    request,
    table,
    text,
    truth,
    whole,
    word,
)
from rlm_exporter.server.requests import LONGEST_WORD

PART = "Manifests"

_REFUSED: Problems = {
    status: tuple(kind.value for kind in RefusalKind if STATUS[kind] == status)
    for status in sorted(set(STATUS.values()))
}
_PROBLEMS: Problems = {
    **_REFUSED,
    409: ("fixed", *_REFUSED[409]),
    422: ("invalid", "invalid_manifest"),
    503: ("store_slow", "store_unavailable"),
}
_ASKED_BY = text("who asks; the token's name stands before it", maxLength=LONGEST_WORD)
_DEPLOYED = {
    "dry_run": truth(),
    "clusters": listed(ref("DeployedCluster")),
}

SCHEMAS: dict[str, Schema] = {
    "Deployed": answer("What became of each cluster, or would become of it.", _DEPLOYED),
    "Configured": answer(
        "The same, and what follows from each setting.", {**_DEPLOYED, "said": listed(text())}
    ),
    "DeployedCluster": answer(
        "One cluster.",
        {
            "cluster": text(),
            "change": word(Change),
            "differences": listed(text(), "a line each"),
            "notes": listed(text(), "what the manifest leaves open"),
            "revision": maybe(whole("in the store; null where it has none", minimum=1)),
        },
    ),
    "Manifest": answer(
        "A cluster's manifest.",
        {
            "cluster": text(),
            "owner": word(Owner),
            "source": text("the file, or a name for what was deployed"),
            "revision": maybe(whole(minimum=1)),
            "deployed_at": maybe(moment()),
            "deployed_by": maybe(text()),
            "manifest": text("YAML; it names files with keys and holds no secret"),
            "attached": maybe(
                text(
                    "YAML of a document of kind ExporterConfig with the load balancer that the daemon's "
                    "settings attach to the cluster; null where they do not"
                )
            ),
        },
    ),
    "Settings": answer(
        "What can be set without editing the manifest.",
        {"cluster": text(), "settings": answer("Each by its word.", {name: text() for name in KNOWN})},
    ),
}

_WISH = request(
    "A manifest; all of its clusters are taken, or none.",
    {
        "manifest": text("YAML"),
        "source": text("what messages call it, such as the file's name", maxLength=LONGEST_SOURCE),
        "dry_run": truth("tell what would change"),
        "after": {
            **table(
                maybe(whole(minimum=-LONGEST_NUMBER, maximum=LONGEST_NUMBER)),
                "the revisions that a dry run has told; refused with 412 where there are others by now",
            ),
            "type": ["object", "null"],
        },
        "requested_by": _ASKED_BY,
    },
    needed=("manifest",),
)
_SETTINGS = request(
    "Settings to be changed.",
    {
        "settings": request("Some of them.", {name: text(maxLength=LONGEST_WORD) for name in KNOWN}),
        "dry_run": truth("tell what would change"),
        "requested_by": _ASKED_BY,
    },
)

ENTRIES = (
    Entry(
        method="POST",
        path="/api/v1/manifests",
        name="deploy",
        summary="have the clusters of a manifest looked after, or tell what would change",
        part=PART,
        role=Role.OPERATOR,
        body=Body(
            schema=_WISH,
            example={"manifest": "kind: LicenseServer", "source": "site.yaml", "dry_run": True},
        ),
        answers={200: Told(meaning="what became of each", schema=ref("Deployed"))},
        problems=_PROBLEMS,
    ),
    Entry(
        method="GET",
        path="/api/v1/clusters/{name}/manifest",
        name="manifest",
        summary="a cluster's manifest, and whose it is",
        part=PART,
        role=Role.VIEWER,
        parameters=(NAME,),
        answers={200: Told(meaning="the manifest", schema=ref("Manifest"))},
        problems={409: ("fixed",)},
    ),
    Entry(
        method="GET",
        path="/api/v1/clusters/{name}/config",
        name="config",
        summary="what can be set without editing the manifest",
        part=PART,
        role=Role.VIEWER,
        parameters=(NAME,),
        answers={200: Told(meaning="the settings", schema=ref("Settings"))},
        problems={409: ("fixed",)},
    ),
    Entry(
        method="POST",
        path="/api/v1/clusters/{name}/config",
        name="configure",
        summary="change some of these settings",
        part=PART,
        role=Role.OPERATOR,
        parameters=(NAME,),
        body=Body(schema=_SETTINGS, example={"settings": {"failover_detection": "fast"}, "dry_run": True}),
        answers={200: Told(meaning="what became of it", schema=ref("Configured"))},
        problems=_PROBLEMS,
    ),
    Entry(
        method="DELETE",
        path="/api/v1/clusters/{name}",
        name="remove",
        summary="look after a deployed cluster no more; nobody is moved",
        part=PART,
        role=Role.OPERATOR,
        parameters=(NAME, query("requested_by", text(), "who asks, where there are no tokens")),
        answers={200: Told(meaning="removed", schema=ref("Deployed"))},
        problems={409: _PROBLEMS[409], 412: _PROBLEMS[412], 503: _PROBLEMS[503]},
    ),
    Entry(
        method="POST",
        path="/-/reload",
        name="reload",
        summary="read the daemon's files again",
        part=PART,
        role=Role.OPERATOR,
        answers={200: Told(meaning="what became of each cluster", schema=ref("Deployed"))},
        problems={
            409: _PROBLEMS[409],
            412: _PROBLEMS[412],
            422: ("invalid_manifest",),
            503: _PROBLEMS[503],
        },
    ),
)
