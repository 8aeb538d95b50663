"""What an alert that we send looks like at each kind of sink."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rlm_exporter.manifest.model import PostedForm
from rlm_exporter.store.outbox_records import AlertRequest, MessageStatus, OutgoingAlert


def default_key(
    *, alertname: str, component: str, cluster: str | None, server: str | None, message: str
) -> str:
    """What makes two requests one alert where nobody says: all of its words but the severity."""
    words = "\0".join((alertname, component, cluster or "", server or "", message))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def posted_path(form: PostedForm) -> str:
    """What comes behind the URL of a sink."""
    return "/api/v2/alerts" if form is PostedForm.ALERTMANAGER else ""


def posted_document(
    alert: OutgoingAlert, form: PostedForm, *, repeat: timedelta, earlier: Sequence[OutgoingAlert] = ()
) -> Any:
    """The body of a POST; `earlier` is what the sink was told of the same alert before."""
    match form:
        case PostedForm.ALERTMANAGER:
            ended = _other_labels(alert, earlier, repeat=repeat)
            return [
                _for_alertmanager(alert, repeat=repeat),
                *(_until(each, ends_at=alert.created_at) for each in ended),
            ]
        case PostedForm.SLACK:
            return {"text": headline(alert)}
        case PostedForm.WEBHOOK:
            return _for_a_program(alert)


def headline(alert: OutgoingAlert) -> str:
    """The alert in one line."""
    said = alert.request
    word = "RESOLVED" if said.status is MessageStatus.RESOLVED else said.severity.upper()
    where = "/".join(each for each in (said.component, said.cluster, said.server) if each)
    return " ".join(f"[{word}] {where}: {said.message}".split())


def mail_text(alert: OutgoingAlert) -> str:
    """The body of a mail."""
    said = alert.request
    rows = {
        "Alert": said.alertname,
        "Status": said.status.value,
        "Severity": said.severity,
        "Component": said.component,
        "Cluster": said.cluster,
        "Server": said.server,
        "Since": _iso(alert.starts_at),
        "Asked for by": said.requested_by,
        "Key": said.key,
    }
    return f"{said.message}\n\n" + "".join(f"{name}: {value}\n" for name, value in rows.items() if value)


def _for_alertmanager(alert: OutgoingAlert, *, repeat: timedelta) -> dict[str, Any]:
    """An alert that nobody repeats ends at Alertmanager by itself.

    That is after two intervals: with one it would end for a moment each time before its repetition came.
    """
    is_over = alert.request.status is MessageStatus.RESOLVED
    return _until(alert, ends_at=alert.created_at if is_over else alert.created_at + 2 * repeat)


def _until(alert: OutgoingAlert, *, ends_at: datetime) -> dict[str, Any]:
    said = alert.request
    return {
        "labels": _labels(said),
        "annotations": {"summary": said.message, "requested_by": said.requested_by},
        "startsAt": _iso(alert.starts_at),
        "endsAt": _iso(ends_at),
    }


def _labels(said: AlertRequest) -> dict[str, str]:
    """Alertmanager knows an alert by its labels; so the key is one of them."""
    labels = {
        "alertname": said.alertname,
        "severity": said.severity,
        "component": said.component,
        "cluster": said.cluster,
        "server": said.server,
        "alert_key": said.key,
    }
    return {name: value for name, value in labels.items() if value}


def _other_labels(
    alert: OutgoingAlert, earlier: Sequence[OutgoingAlert], *, repeat: timedelta
) -> tuple[OutgoingAlert, ...]:
    """The earlier ones that would go on at Alertmanager beside this one: each of their label sets once."""
    found: list[OutgoingAlert] = []
    labels = [_labels(alert.request)]
    for each in earlier:
        goes_on = each.created_at + 2 * repeat > alert.created_at
        if goes_on and _labels(each.request) not in labels:
            labels.append(_labels(each.request))
            found.append(each)
    return tuple(found)


def _for_a_program(alert: OutgoingAlert) -> dict[str, Any]:
    said = alert.request
    return {
        "id": alert.id,
        "key": said.key,
        "status": said.status.value,
        "alertname": said.alertname,
        "severity": said.severity,
        "component": said.component,
        "message": said.message,
        "cluster": said.cluster,
        "server": said.server,
        "requested_by": said.requested_by,
        "starts_at": _iso(alert.starts_at),
        "created_at": _iso(alert.created_at),
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
