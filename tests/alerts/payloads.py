"""Deliveries as Alertmanager's webhook receiver gets them, written by us."""

from typing import Any

import orjson

FIRED = "2026-03-02T08:00:00.123Z"
NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: what a firing alert has for its end."""


def alert(**changes: Any) -> dict[str, Any]:
    """One alert that asks for a failover of `prod`, with these keys changed; None takes one out."""
    labels = {
        "alertname": "RLMPrimaryServerDown",
        "cluster": "prod",
        "server": "rlm1",
        "rlm_action": "failover",
        "severity": "critical",
    }
    entry: dict[str, Any] = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "rlm1 does not answer"},
        "startsAt": FIRED,
        "endsAt": NEVER,
        "generatorURL": "http://prometheus.example.com/graph",
        "fingerprint": "93ab1c0f5b2d7e11",
    } | changes
    return {key: value for key, value in entry.items() if value is not None}


def labelled(fingerprint: str = "93ab1c0f5b2d7e11", **labels: str) -> dict[str, Any]:
    """One alert with these labels and no others."""
    return alert(labels=labels, fingerprint=fingerprint)


def delivery(*alerts: Any, **changes: Any) -> dict[str, Any]:
    """One POST, with these keys changed; None takes one out."""
    document: dict[str, Any] = {
        "version": "4",
        "groupKey": '{}:{alertname="RLMPrimaryServerDown", cluster="prod"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "rlm-ha",
        "groupLabels": {"alertname": "RLMPrimaryServerDown"},
        "commonLabels": {"rlm_action": "failover"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com",
        "alerts": list(alerts),
    } | changes
    return {key: value for key, value in document.items() if value is not None}


def body(*alerts: Any, **changes: Any) -> bytes:
    """The same as bytes."""
    return orjson.dumps(delivery(*alerts, **changes))
