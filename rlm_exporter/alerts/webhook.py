"""Reads Alertmanager's webhook payload (version "4"). Pure; validates, and coerces no type.

An alert is a hint: its fingerprint and start recognise a repeat, and what it leads to is decided from the
snapshot. Unknown keys are ignored, because Alertmanager adds some with its releases.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from rlm_exporter.errors import FormatError
from rlm_exporter.store.records import ReceivedAlert

LARGEST = 1024 * 1024
"""Bytes of one delivery; a larger one is refused."""

SHOWN = 60
"""Characters of somebody else's value that a message repeats."""

ACTION_LABEL = "rlm_action"
FAILOVER_ACTION = "failover"
WATCHDOG_ACTION = "watchdog"
"""The value with which our Watchdog rule is labelled, so that its silence can be noticed."""


class Result(StrEnum):
    """What one delivered alert was; the value of the metric's label."""

    NEW = "new"
    REPEAT = "repeat"
    RESOLVED = "resolved"
    STALE = "stale"
    IGNORED = "ignored"
    """An alert that asks for nothing, or the end of the watchdog."""
    WATCHDOG = "watchdog"
    UNKNOWN_CLUSTER = "unknown_cluster"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    """A delivery without the webhook's token; nobody has looked at what is in it."""
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of a delivery."""

    status: str
    labels: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One POST of Alertmanager."""

    alerts: tuple[Alert, ...]
    truncated: int
    """How many alerts Alertmanager has left out (`max_alerts`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """What a delivery asks for."""

    failover: tuple[ReceivedAlert, ...]
    """Alerts that ask for a failover of a cluster we know."""
    counts: dict[Result, int]
    """Those that are counted without the store: ignored, unknown clusters, the watchdog."""
    truncated: bool


def parse_delivery(body: bytes) -> Delivery:
    """Read one payload; raises FormatError that says where it is not one."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error}") from error
    root = _mapping(document, "the payload")
    if root.get("version") != "4":
        raise FormatError(f'version is {_shown(root.get("version"))}, and only "4" is understood')
    alerts = root.get("alerts")
    if not isinstance(alerts, list):
        raise FormatError("alerts: not a list")
    truncated = root.get("truncatedAlerts", 0)
    if not isinstance(truncated, int) or isinstance(truncated, bool) or truncated < 0:
        raise FormatError("truncatedAlerts: not a count")
    return Delivery(
        alerts=tuple(_alert(item, f"alerts[{index}]") for index, item in enumerate(alerts)),
        truncated=truncated,
    )


def sort_out(delivery: Delivery, *, clusters: frozenset[str]) -> Sorted:
    """Each alert to its own: what asks for a failover of a known cluster, and counts of the rest."""
    wanted: list[ReceivedAlert] = []
    counts: dict[Result, int] = {}
    for alert in delivery.alerts:
        match kind_of(alert, clusters=clusters):
            case None:
                wanted.append(_received(alert))
            case result:
                counts[result] = counts.get(result, 0) + 1
    return Sorted(failover=tuple(wanted), counts=counts, truncated=delivery.truncated > 0)


def kind_of(alert: Alert, *, clusters: frozenset[str]) -> Result | None:
    """What it is without a look at the journal; None for one that asks for a failover of a known cluster."""
    action = alert.labels.get(ACTION_LABEL)
    if action == WATCHDOG_ACTION or (action is None and alert.labels.get("alertname") == "Watchdog"):
        # A watchdog that ends is the silence that it is there to show.
        return Result.WATCHDOG if alert.status == "firing" else Result.IGNORED
    if action != FAILOVER_ACTION:
        return Result.IGNORED
    if alert.labels.get("cluster") not in clusters:
        return Result.UNKNOWN_CLUSTER
    return None


def _received(alert: Alert) -> ReceivedAlert:
    return ReceivedAlert(
        fingerprint=alert.fingerprint,
        starts_at=alert.starts_at,
        status=alert.status,
        cluster=alert.labels["cluster"],
        alertname=alert.labels.get("alertname", ""),
        server=alert.labels.get("server"),
        ends_at=alert.ends_at if alert.status == "resolved" else None,
    )


def _alert(item: Any, where: str) -> Alert:
    entry = _mapping(item, where)
    status = _text(entry, "status", where)
    if status not in {"firing", "resolved"}:
        raise FormatError(f"{where}.status: {_shown(status)} is neither firing nor resolved")
    labels = _mapping(entry.get("labels"), f"{where}.labels")
    for name, value in labels.items():
        if not isinstance(value, str):
            raise FormatError(f"{where}.labels: {_shown(name)} is not a text")
    fingerprint = _text(entry, "fingerprint", where)
    if not fingerprint or len(fingerprint) > 64:
        raise FormatError(f"{where}.fingerprint: empty or longer than 64 characters")
    return Alert(
        status=status,
        labels=labels,
        starts_at=_time(entry, "startsAt", where),
        ends_at=_time(entry, "endsAt", where) if "endsAt" in entry else None,
        fingerprint=fingerprint,
    )


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"{where}: not a mapping")
    return value


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise FormatError(f"{where}.{key}: not a text")
    return value


def _time(entry: dict[str, Any], key: str, where: str) -> datetime:
    text = _text(entry, key, where)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FormatError(f"{where}.{key}: {_shown(text)} is not a time") from error
    if moment.tzinfo is None:
        raise FormatError(f"{where}.{key}: {_shown(text)} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise FormatError(f"{where}.{key}: {_shown(text)} is outside of all years") from error


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
