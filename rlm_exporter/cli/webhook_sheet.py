"""Deliveries of Alertmanager as a JSON document, and as tables for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlm_exporter.alerts.webhook import ACTION_LABEL, FAILOVER_ACTION, Alert, Delivery, Result, kind_of
from rlm_exporter.cli.sheet import Block, Cell, Column, Line, Sheet, Table, Tone

FAILOVER = "failover"
"""The word for an alert that asks for a look at its cluster."""

_TONES = {FAILOVER: Tone.STRONG, Result.UNKNOWN_CLUSTER: Tone.BAD, Result.IGNORED: Tone.QUIET}
_MEANINGS = {
    FAILOVER: "wakes the controller; what it does is decided from the newest checks",
    Result.WATCHDOG: "shows that alerts arrive",
    Result.IGNORED: f"asks for nothing: no label {ACTION_LABEL}: {FAILOVER_ACTION}",
    Result.UNKNOWN_CLUSTER: "its label `cluster` names no cluster that is known",
}
_COLUMNS = (
    Column(title="Status"),
    Column(title="Alert"),
    Column(title="Cluster"),
    Column(title="Server"),
    Column(title="Is", long=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One delivery under its file's name, or why the daemon would refuse it."""

    name: str
    delivery: Delivery | None
    error: str | None


def document(posted: Sequence[Posted], known: frozenset[str] | None) -> dict[str, Any]:
    """Each delivery in the order given."""
    return {"deliveries": [_delivery(each, known) for each in posted]}


def sheet(posted: Sequence[Posted], known: frozenset[str] | None) -> Sheet:
    """A heading and a table for each."""
    return tuple(block for each in posted for block in _blocks(each, known))


def _delivery(each: Posted, known: frozenset[str] | None) -> dict[str, Any]:
    delivery = each.delivery
    return {
        "file": each.name,
        "error": each.error,
        "truncated": delivery.truncated if delivery else None,
        "alerts": [_alert(alert, known) for alert in delivery.alerts] if delivery else [],
    }


def _alert(alert: Alert, known: frozenset[str] | None) -> dict[str, Any]:
    word = _word(alert, known)
    return {
        "is": word,
        "meaning": _MEANINGS[word],
        "status": alert.status,
        "alertname": alert.labels.get("alertname"),
        "cluster": alert.labels.get("cluster"),
        "server": alert.labels.get("server"),
        "fingerprint": alert.fingerprint,
        "starts_at": alert.starts_at.isoformat().replace("+00:00", "Z"),
        "ends_at": None if alert.ends_at is None else alert.ends_at.isoformat().replace("+00:00", "Z"),
    }


def _word(alert: Alert, known: frozenset[str] | None) -> str:
    named = alert.labels.get("cluster")
    clusters = known if known is not None else frozenset(() if named is None else (named,))
    kind = kind_of(alert, clusters=clusters)
    return FAILOVER if kind is None else kind.value


def _blocks(each: Posted, known: frozenset[str] | None) -> Iterator[Block]:
    yield Line(cells=(Cell(each.name, Tone.STRONG),))
    if each.delivery is None:
        yield Line(cells=(Cell(f"refused: {each.error}", Tone.BAD),))
        return
    yield Table(
        columns=_COLUMNS, rows=tuple(_row(alert, known) for alert in each.delivery.alerts), wraps=True
    )
    if each.delivery.truncated:
        left_out = (
            f"{each.delivery.truncated} alerts were left out by Alertmanager: every cluster is looked at"
        )
        yield Line(cells=(Cell(left_out, Tone.WARNING),))


def _row(alert: Alert, known: frozenset[str] | None) -> tuple[Cell, ...]:
    word = _word(alert, known)
    labels = (alert.labels.get(name, "-") for name in ("alertname", "cluster", "server"))
    told = Cell(f"{word}: {_MEANINGS[word]}", _TONES.get(word, Tone.PLAIN))
    return (Cell(alert.status), *map(Cell, labels), told)
