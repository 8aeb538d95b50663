"""A cluster and its servers, as the API tells them. Pure."""

from rlm_exporter.failover.external import Component
from rlm_exporter.manifest.model import Detection, Failback, Takeover, TriggerSource
from rlm_exporter.probe.result import FailureReason
from rlm_exporter.rlm.license_failover import FailoverKind
from rlm_exporter.server.openapi.shapes import (
    Schema,
    answer,
    listed,
    maybe,
    moment,
    number,
    ref,
    text,
    truth,
    whole,
    word,
)
from rlm_exporter.store.records import PinKind
from rlm_exporter.sync.drift import FileState

_SERVER_PARTS: dict[str, Schema] = {
    "LicenseState": answer(
        "What the license probes of a server say.",
        {
            "state": word(("up", "down", "unknown")),
            "reason": maybe(word(FailureReason)),
            "detail": maybe(text("the reason in words")),
            "degraded": maybe(text("what is wrong with a server that is up")),
            "consecutive_failures": whole(),
            "consecutive_successes": whole(),
            "checked_at": maybe(moment("null before the first check")),
            "age_seconds": maybe(number(minimum=None)),
            "response_seconds": maybe(number()),
        },
    ),
    "IsvServer": answer(
        "One ISV server.",
        {"name": text(), "port": maybe(whole()), "running": truth(), "restarts": maybe(whole())},
    ),
    "WebState": answer(
        "The web interface; `off` where the manifest does not have it checked.",
        {
            "state": word(("off", "unknown", "up", "down")),
            "http_status": maybe(whole()),
            "detail": maybe(text()),
        },
    ),
    "SeatTotals": answer("Seats of all counted pools together.", {"in_use": whole(), "issued": whole()}),
    "Pool": answer(
        "One license pool; null is a number that RLM does not give.",
        {
            "isv": maybe(text()),
            "product": text(),
            "version": text(),
            "issued": maybe(whole()),
            "reserved": maybe(whole()),
            "in_use": maybe(whole()),
            "expires": maybe(text("a day such as 2026-12-31, or `permanent`")),
        },
    ),
    "DoubleHolder": answer(
        "A host that holds seats of one product from two pools or more.",
        {
            "isv": maybe(text()),
            "product": text(),
            "host": text(),
            "versions": listed(text()),
            "users": listed(text()),
        },
    ),
    "ServerAtBalancer": answer(
        "What one balancer says of a server.",
        {"balancer": text(), "status": text("HAProxy's text"), "sessions": maybe(whole())},
    ),
    "ExternalReport": answer(
        "What another monitor reported of a server.",
        {
            "source": word(("external",)),
            "reporter": text(),
            "component": word(Component),
            "state": word(
                ("up", "down", "unknown"), "unknown once the report is older than its time to live"
            ),
            "healthy": truth("as it was reported"),
            "at": moment(),
            "age_seconds": number(minimum=None),
            "ttl_seconds": number(),
        },
    ),
    "LicenseFiles": answer(
        "How a server's license files stand to their masters, where this daemon looks at them.",
        {
            "in_step": maybe(truth("whether each master's file is there as it ought to be")),
            "fits_machine": maybe(truth("whether every HOST line has a host id of the machine")),
            "detail": maybe(text("all that is wrong, in words")),
            "files": listed(ref("LicenseFile")),
            "trouble": maybe(text("what could not be found out, and why")),
            "looked_at": moment(),
            "age_seconds": number(minimum=None),
        },
    ),
    "LicenseFile": answer(
        "One license file of a server, or one that it lacks.",
        {
            "name": text(),
            "state": word(FileState, "`foreign` has no master; rlm loads it all the same"),
            "detail": maybe(text("what it grants otherwise than its master")),
        },
    ),
}

_CLUSTER_PARTS: dict[str, Schema] = {
    "Balancer": answer(
        "One balancer as it was last read.",
        {
            "name": text(),
            "reachable": truth(),
            "error": maybe(text()),
            "refuses": maybe(text("why it takes no commands")),
            "masters": listed(whole(), "process ids, where two HAProxy answer in turns"),
            "active": maybe(text("the server that it sends clients to")),
            "epoch": maybe(whole()),
            "pid": maybe(whole()),
            "unknown_servers": listed(text(), "servers that it does not know in every backend"),
            "web_differs": maybe(text("where its web port leads elsewhere")),
        },
    ),
    "Pin": answer(
        "A server that is held back.",
        {"server": text(), "kind": word(PinKind), "since": moment(), "until": maybe(moment())},
    ),
    "Lease": answer(
        "Which of several daemons acts for the cluster.",
        {
            "ours": truth("whether it is the one that answers"),
            "holder": maybe(text()),
            "url": maybe(text()),
            "remaining_seconds": number(minimum=None),
            "trouble": maybe(text()),
        },
    ),
    "SplitBrain": answer(
        "A server that serves beside the active one.",
        {"server": text(), "detail": text(), "checkouts": whole(), "connections": whole()},
    ),
    "FailoverLicense": answer(
        "Which failover of RLM's own the license files grant.",
        {
            "kind": maybe(word(FailoverKind)),
            "server": maybe(text()),
            "isvs": listed(text()),
            "primary": maybe(text()),
            "does_not_cover": text("in words"),
        },
    ),
}

_FAILOVER = answer(
    "The policy, and where moving stands.",
    {
        "automatic": truth(),
        "takeover": word(Takeover),
        "license": maybe(ref("FailoverLicense")),
        "failback": word(Failback),
        "detection": word(Detection),
        "triggers": listed(word(TriggerSource)),
        "threshold": whole("failed checks in a row before anything moves", minimum=1),
        "cooldown_seconds": number(),
        "cooldown_remaining_seconds": number(),
        "paused_until": maybe(moment()),
        "acknowledged_at": maybe(moment()),
        "unacknowledged": maybe(whole("automatic moves that no operator has acknowledged")),
        "pins": listed(ref("Pin")),
        "lease": maybe(ref("Lease")),
        "decision": maybe(ref("Decision")),
        "split_brain": listed(ref("SplitBrain")),
        "alerts_firing": listed(ref("Alert")),
        "operation": maybe(ref("Operation")),
        "last_operation": maybe(ref("Operation")),
    },
)

_SERVER = answer(
    "One server.",
    {
        "name": text(),
        "role": text("the manifest's word, which is not who is active"),
        "host": text(),
        "port": whole(minimum=1, maximum=65535),
        "web_port": maybe(whole(minimum=1, maximum=65535)),
        "active": truth(),
        "license": ref("LicenseState"),
        "isvs": listed(ref("IsvServer")),
        "web": ref("WebState"),
        "seats": maybe(ref("SeatTotals")),
        "pools": listed(ref("Pool")),
        "double_holders": listed(ref("DoubleHolder")),
        "version": maybe(text("RLM's")),
        "pinned": listed(word(PinKind)),
        "balancers": listed(ref("ServerAtBalancer")),
        "external": listed(ref("ExternalReport")),
        "license_files": maybe(ref("LicenseFiles")),
    },
)

SCHEMAS: dict[str, Schema] = {
    "Cluster": answer(
        "All that is known of a cluster now; null is what is not known.",
        {
            "name": text(),
            "healthy": truth("whether clients are served now, as far as is known"),
            "ready": truth("whether a failover would work now"),
            "not_ready_because": listed(text()),
            "active": maybe(text()),
            "active_host": maybe(text()),
            "active_since": maybe(moment()),
            "epoch": maybe(whole()),
            "taken_at": moment("of the snapshot"),
            "servers": listed(ref("Server")),
            "balancers": listed(ref("Balancer")),
            "failover": ref("Failover"),
        },
    ),
    "Clusters": answer("All clusters.", {"clusters": listed(ref("Cluster"))}),
    "Server": _SERVER,
    "Failover": _FAILOVER,
    **_SERVER_PARTS,
    **_CLUSTER_PARTS,
}
