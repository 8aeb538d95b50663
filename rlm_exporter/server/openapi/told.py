"""Entries for what others tell the daemon: monitors, scripts, Alertmanager. Pure."""

from rlm_exporter.alerts.webhook import Result
from rlm_exporter.failover.external import Component
from rlm_exporter.server.alerts import SEVERITIES
from rlm_exporter.server.auth import Role
from rlm_exporter.server.health_reports import MOST
from rlm_exporter.server.openapi.entry import Body, Entry, Told
from rlm_exporter.server.openapi.parameters import LISTED, NAME
from rlm_exporter.server.openapi.shapes import (
    Schema,
    answer,
    duration,
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
from rlm_exporter.store.outbox_records import DeliveryState, MessageStatus
from rlm_exporter.store.records import AlertStatus

PART = "What others tell"

SCHEMAS: dict[str, Schema] = {
    "Heard": answer(
        "What was made of a report.",
        {
            "result": word(("done",)),
            "detail": text(),
            "differences": listed(text(), "where it differs from the daemon's own newest checks"),
        },
    ),
    "SentAlert": answer(
        "What became of an alert.",
        {
            "result": word(("taken", "waiting", "given_up", "nothing_to_resolve")),
            "detail": text(),
            "duplicate": truth("whether it was sent already within the repeat interval"),
            "id": maybe(whole(minimum=1)),
            "key": text("resolves it later"),
            "sinks": listed(ref("SinkState")),
        },
    ),
    "SentAlerts": answer("What was sent, newest first.", {"alerts": listed(ref("SentMessage"))}),
    "SentMessage": answer(
        "A message of the outbox.",
        {
            "id": whole(minimum=1),
            "status": word(MessageStatus),
            "severity": text("critical, warning or info; may be empty with an end"),
            "name": text("the alert's name"),
            "component": text(),
            "message": text(),
            "cluster": maybe(text()),
            "server": maybe(text()),
            "key": text(),
            "requested_by": text(),
            "asked": whole("how many calls it stands for"),
            "starts_at": moment("when the alert began"),
            "created_at": moment(),
            "sinks": listed(ref("SinkState")),
        },
    ),
    "SinkState": answer(
        "An alert at one sink.",
        {
            "name": text(),
            "state": word(DeliveryState),
            "attempts": whole(),
            "detail": maybe(text("why the last attempt failed")),
        },
    ),
    "Accepted": answer(
        "How many alerts of a delivery were what.",
        {
            "accepted": {
                "type": "object",
                "properties": {result.value: whole() for result in Result},
            }
        },
    ),
    "HealthReport": request(
        "What a monitor sees of one component.",
        {
            "server": text("its name, host, or host:port", maxLength=LONGEST_WORD),
            "component": word(Component, "server where not given"),
            "healthy": truth(),
        },
        needed=("server", "healthy"),
    ),
    "DeliveredAlert": {
        "type": "object",
        "description": "One alert; other fields are not looked at.",
        "properties": {
            "status": word(AlertStatus),
            "labels": table(text(), "`rlm_action: failover` and `cluster` ask for a look"),
            "startsAt": moment(),
            "endsAt": moment(),
            "fingerprint": text(minLength=1, maxLength=64),
        },
        "required": ["status", "labels", "startsAt", "fingerprint"],
        "additionalProperties": True,
    },
}

_HEALTH = request(
    "What another monitor sees; all of it is taken, or nothing.",
    {
        "reporter": text("who says it", maxLength=LONGEST_WORD),
        "ttl": duration("how long it counts, at most 1h; 2m where not given"),
        "at": moment("when it was seen; now where not given"),
        "reports": listed(ref("HealthReport"), minItems=1, maxItems=MOST),
    },
    needed=("reports",),
)

_ALERT = request(
    "An alert to be sent. `message` and `severity` raise it; `key`, or the same words, resolve it.",
    {
        "severity": word(SEVERITIES),
        "message": text(maxLength=LONGEST_WORD),
        "component": text("licensing where not given", maxLength=LONGEST_WORD),
        "name": text("the alert's name; RlmHaAlert where not given", maxLength=LONGEST_WORD),
        "cluster": text(maxLength=LONGEST_WORD),
        "server": text("with `cluster`", maxLength=LONGEST_WORD),
        "key": text("requests with the same key are about one alert", maxLength=LONGEST_WORD),
        "resolve": truth("it is over"),
        "channels": listed(text(), "these sinks alone", minItems=1),
        "requested_by": text(maxLength=LONGEST_WORD),
    },
)

_DELIVERY: Schema = {
    "type": "object",
    "description": "Alertmanager's webhook, version 4; other fields are not looked at.",
    "properties": {
        "version": word(("4",)),
        "alerts": listed(ref("DeliveredAlert")),
        "truncatedAlerts": whole(),
    },
    "required": ["version", "alerts"],
    "additionalProperties": True,
}

_DELIVERED = {
    "status": "firing",
    "labels": {"alertname": "RLMFailoverWanted", "rlm_action": "failover", "cluster": "rlm-ha-cluster"},
    "startsAt": "2026-03-02T02:14:00Z",
    "fingerprint": "93ab1c0f5b2d7e11",
}

ENTRIES = (
    Entry(
        method="POST",
        path="/api/v1/clusters/{name}/health",
        name="update_health",
        summary="report what another monitor sees; it moves nobody by itself",
        part=PART,
        role=Role.OPERATOR,
        parameters=(NAME,),
        body=Body(
            schema=_HEALTH,
            example={"reporter": "mon1", "reports": [{"server": "rlm2", "healthy": True}]},
        ),
        answers={200: Told(meaning="heard", schema=ref("Heard"))},
        problems={
            409: ("not_leader",),
            422: ("invalid", "unknown_server"),
            503: ("store_slow", "store_unavailable"),
        },
    ),
    Entry(
        method="GET",
        path="/api/v1/alerts",
        name="alerts",
        summary="what was sent, and who took it",
        part=PART,
        role=Role.VIEWER,
        parameters=LISTED,
        answers={200: Told(meaning="newest first", schema=ref("SentAlerts"))},
        problems={422: ("invalid",), 503: ("no_sinks", "store_slow", "store_unavailable")},
    ),
    Entry(
        method="POST",
        path="/api/v1/alerts",
        name="send_alert",
        summary="have people told, through the configured sinks",
        part=PART,
        role=Role.OPERATOR,
        body=Body(schema=_ALERT, example={"severity": "warning", "message": "the disk of rlm1 is full"}),
        answers={
            200: Told(meaning="it is in the outbox, and perhaps taken already", schema=ref("SentAlert"))
        },
        problems={
            404: ("unknown_cluster",),
            422: ("invalid",),
            503: ("no_sinks", "outbox_full", "store_slow", "store_unavailable"),
        },
    ),
    Entry(
        method="POST",
        path="/webhooks/alertmanager",
        name="alertmanager",
        summary="Alertmanager's webhook",
        part=PART,
        role=Role.WEBHOOK,
        body=Body(schema=_DELIVERY, example={"version": "4", "alerts": [_DELIVERED]}),
        answers={202: Told(meaning="the alerts are in the journal", schema=ref("Accepted"))},
        problems={503: ("store_slow", "store_unavailable")},
    ),
)
