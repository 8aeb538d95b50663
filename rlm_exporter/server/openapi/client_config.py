"""Entries about what clients are told. Pure."""

from rlm_exporter.manifest.model import SettingsFormat
from rlm_exporter.render.client_servers import MisfitKind
from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import Body, Entry, Told
from rlm_exporter.server.openapi.parameters import NAME
from rlm_exporter.server.openapi.problems import JOURNAL
from rlm_exporter.server.openapi.shapes import (
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

PART = "Clients' settings"

SCHEMAS: dict[str, Schema] = {
    "ClientConfig": answer(
        "What is set, and what clients get by it.",
        {
            "cluster": text(),
            "active": maybe(text()),
            "license_servers": listed(text(), "port@host; empty is what the manifest has"),
            "license_failover_enabled": truth("whether clients are told anew at each move"),
            "license_redundancy_mode": text(),
            "set_by": maybe(text("null where nobody has set anything")),
            "reason": maybe(text()),
            "set_at": maybe(moment()),
            "jobs": maybe(ref("JobSettings")),
            "files": listed(ref("SettingsFile"), "those that the daemon writes"),
            "remarks": listed(text()),
        },
    ),
    "JobSettings": answer(
        "What a job's environment gets.",
        {
            "servers": listed(text(), "port@host, in the order in which clients ask"),
            "isvs": listed(text()),
            "connect_timeout_seconds": whole(),
            "variables": table(text(), "the variables, with the list parted by colons"),
            "license_servers": listed(ref("Endpoint"), "the same list, for schedulers"),
        },
    ),
    "Endpoint": answer("Where a license server listens.", {"host": text(), "port": whole(minimum=1)}),
    "SettingsFile": answer(
        "One file.",
        {
            "path": text(),
            "format": word(SettingsFormat),
            "trouble": maybe(text("why it could not be written")),
        },
    ),
    "ClientConfigUpdate": answer(
        "What came of a wish.",
        {
            "result": word(("changed", "unchanged", "plan")),
            "changes": listed(ref("SettingChange")),
            "config": ref("ClientConfig"),
        },
    ),
    "SettingChange": answer(
        "One setting that becomes another.", {"name": text(), "from": text(), "to": text()}
    ),
}

_WISH = request(
    "What is to be set; the rest stays as it is.",
    {
        "license_servers": text(
            "port@host or names of servers; the cluster's name brings back the manifest's",
            maxLength=LONGEST_WORD,
        ),
        "license_failover_enabled": truth("whether clients are told anew at each move"),
        "license_redundancy_mode": text("active-passive; there is no other", maxLength=LONGEST_WORD),
        "dry_run": truth("tell what would change"),
        "reason": text(maxLength=LONGEST_WORD),
        "requested_by": text(maxLength=LONGEST_WORD),
    },
)

_PATH = "/api/v1/clusters/{name}/client-config"

ENTRIES = (
    Entry(
        method="GET",
        path=_PATH,
        name="client_config",
        summary="which license servers jobs get",
        part=PART,
        role=Role.VIEWER,
        parameters=(NAME,),
        answers={200: Told(meaning="what is set, and what comes of it", schema=ref("ClientConfig"))},
        problems=JOURNAL,
    ),
    Entry(
        method="PUT",
        path=_PATH,
        name="set_client_config",
        summary="set which license servers jobs get",
        part=PART,
        role=Role.OPERATOR,
        parameters=(NAME,),
        body=Body(schema=_WISH, example={"license_failover_enabled": True, "dry_run": True}),
        answers={200: Told(meaning="set, or the plan of a dry run", schema=ref("ClientConfigUpdate"))},
        problems={
            409: ("not_leader", MisfitKind.PAST_BALANCER.value, "unsafe_mode"),
            422: ("invalid", MisfitKind.UNKNOWN_SERVER.value),
            503: ("store_slow", "store_unavailable"),
        },
    ),
)
