"""Entries for Prometheus and for whoever watches the daemon itself. Pure."""

from rlm_exporter.metrics.target_lines import Module
from rlm_exporter.metrics.text import Format
from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import TEXT, Entry, Told
from rlm_exporter.server.openapi.parameters import query
from rlm_exporter.server.openapi.shapes import Schema, answer, listed, ref, text, word
from rlm_exporter.server.targets import META, By

PART = "Monitoring"

_PAGE = Told(
    meaning="a page of metrics",
    schema=text(),
    content=tuple(dict.fromkeys(form.value.partition(";")[0] for form in Format)),
)
_TEXT = text()

SCHEMAS: dict[str, Schema] = {
    "TargetGroup": answer(
        "A target with its labels, as Prometheus' HTTP service discovery has it.",
        {"targets": listed(text()), "labels": ref("TargetLabels")},
    ),
    "TargetLabels": answer(
        "What a target belongs to; all but the cluster only of a server's.",
        {"cluster": text()},
        sometimes={"server": text(), f"{META}host": text(), f"{META}role": text()},
    ),
}

ENTRIES = (
    Entry(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="all metrics, for Prometheus",
        part=PART,
        role=Role.VIEWER,
        answers={200: _PAGE},
        problems={500: ("no_page",)},
        more="Text or OpenMetrics by Accept, packed with gzip by Accept-Encoding.",
    ),
    Entry(
        method="GET",
        path="/probe",
        name="probe",
        summary="the metrics of one cluster or server alone",
        part=PART,
        role=Role.VIEWER,
        parameters=(
            query("target", text(minLength=1), "CLUSTER or CLUSTER/SERVER", required=True),
            query("module", word(Module), "which probe `probe_success` tells of; license where not given"),
        ),
        answers={200: _PAGE},
        problems={400: ("invalid",), 404: ("unknown_cluster", "unknown_server"), 500: ("no_page",)},
    ),
    Entry(
        method="GET",
        path="/api/v1/sd",
        name="discovery",
        summary="the targets that /probe takes, for Prometheus' HTTP service discovery",
        part=PART,
        role=Role.VIEWER,
        parameters=(
            query("by", word(By), "what one target is; cluster where not given"),
            query("cluster", listed(text()), "these clusters alone"),
        ),
        answers={200: Told(meaning="the targets", schema=listed(ref("TargetGroup")))},
        problems={422: ("invalid",)},
    ),
    Entry(
        method="GET",
        path="/-/healthy",
        name="healthy",
        summary="whether the process answers",
        part=PART,
        role=None,
        answers={200: Told(meaning="it does", schema=_TEXT, content=(TEXT,))},
    ),
    Entry(
        method="GET",
        path="/-/ready",
        name="ready",
        summary="whether a failover would work now, in every cluster",
        part=PART,
        role=None,
        answers={
            200: Told(meaning="it would", schema=_TEXT, content=(TEXT,)),
            503: Told(meaning="it would not; a line for each reason", schema=_TEXT, content=(TEXT,)),
        },
    ),
    Entry(
        method="GET",
        path="/",
        name="status_page",
        summary="the status page, for people",
        part=PART,
        role=Role.VIEWER,
        answers={200: Told(meaning="the page", schema=_TEXT, content=("text/html",))},
    ),
    Entry(
        method="GET",
        path="/api/v1/openapi.json",
        name="openapi",
        summary="this document",
        part=PART,
        role=Role.VIEWER,
        answers={200: Told(meaning="OpenAPI 3.1", schema={"type": "object"})},
    ),
)
