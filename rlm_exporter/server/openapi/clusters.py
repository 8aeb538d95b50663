"""Entries for reading clusters and their journal. Pure."""

from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import Entry, Parameter, Told
from rlm_exporter.server.openapi.parameters import LISTED, NAME
from rlm_exporter.server.openapi.problems import JOURNAL
from rlm_exporter.server.openapi.shapes import ref, whole

PART = "Clusters"

ENTRIES = (
    Entry(
        method="GET",
        path="/api/v1/clusters",
        name="clusters",
        summary="all clusters, whole",
        part=PART,
        role=Role.VIEWER,
        answers={200: Told(meaning="all of them", schema=ref("Clusters"))},
    ),
    Entry(
        method="GET",
        path="/api/v1/clusters/{name}",
        name="cluster",
        summary="all that is known of a cluster",
        part=PART,
        role=Role.VIEWER,
        parameters=(NAME,),
        answers={200: Told(meaning="its state now", schema=ref("Cluster"))},
    ),
    Entry(
        method="GET",
        path="/api/v1/clusters/{name}/events",
        name="events",
        summary="the journal: operations, and decisions that held",
        part=PART,
        role=Role.VIEWER,
        parameters=(NAME, *LISTED),
        answers={200: Told(meaning="newest first", schema=ref("Events"))},
        problems={422: ("invalid",), **JOURNAL},
    ),
    Entry(
        method="GET",
        path="/api/v1/clusters/{name}/operations/{id}",
        name="operation",
        summary="one operation with its steps, also while it runs",
        part=PART,
        role=Role.VIEWER,
        parameters=(
            NAME,
            Parameter(
                name="id",
                place="path",
                schema=whole(maximum=10**18 - 1),
                meaning="the operation's number",
                required=True,
                example=12,
            ),
        ),
        answers={200: Told(meaning="the operation", schema=ref("Operation"))},
        problems={404: ("unknown_operation",), **JOURNAL},
    ),
)
