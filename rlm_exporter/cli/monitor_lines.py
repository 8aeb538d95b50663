"""What `licenses monitor` says, as documents and as lines. Pure."""

from datetime import UTC, datetime
from typing import Any

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.looking import NoAnswer
from rlm_exporter.cli.phrases import age_in_words, moment_in_words
from rlm_exporter.cli.sheet import Cell, Line, Tone
from rlm_exporter.cli.sights import Change, Subject

Document = dict[str, Any]

_CLUSTER_KEYS = ("taken_at", "healthy", "ready", "not_ready_because", "active", "active_host", "epoch")
_SERVER_KEYS = ("name", "role", "host", "port", "active", "license", "isvs", "seats", "pinned", "balancers")


def picture_document(at: datetime, status: Document, *, include_web: bool) -> Document:
    """What is seen now, in the daemon's own words."""
    keys = (*_SERVER_KEYS, "web") if include_web else _SERVER_KEYS
    return {
        **_head("picture", at, str(status["name"])),
        **{key: status.get(key) for key in _CLUSTER_KEYS},
        "servers": [{key: server.get(key) for key in keys} for server in status["servers"]],
    }


def change_document(at: datetime, cluster: str, change: Change) -> Document:
    """One change."""
    return {
        **_head("change", at, cluster),
        "subject": change.key.subject.value,
        "name": change.key.name,
        "facet": change.key.facet.value,
        "from": change.before,
        "to": change.after,
        "detail": change.detail,
    }


def change_line(at: datetime, change: Change) -> Line:
    """The same for people, the least needed last: a terminal may cut it."""
    before = "" if change.before is None else f"{change.before} -> "
    label = {
        Subject.CLUSTER: "cluster",
        Subject.OPERATION: f"operation {change.key.name}",
    }.get(change.key.subject, change.key.name)
    return Line(
        cells=(
            _time(at),
            Cell(f"{label:<12}", Tone.STRONG),
            Cell(f"{change.key.facet:<9}"),
            Cell(f"{before}{change.after}", change.tone),
            *((Cell(change.detail),) if change.detail else ()),
        )
    )


def heartbeat_document(at: datetime, status: ClusterStatus) -> Document:
    """Nothing changed, and the daemon goes on checking."""
    return {
        **_head("heartbeat", at, status.name),
        "active": status.active,
        "healthy": status.healthy,
        "up": _servers(status, "up"),
        "down": _servers(status, "down"),
        "unknown": _servers(status, "unknown"),
        "oldest_check_seconds": _oldest(status),
    }


def heartbeat_line(at: datetime, status: ClusterStatus) -> Line:
    """The same for people."""
    up = len(_servers(status, "up"))
    oldest = _oldest(status)
    checks = "not all have been checked" if oldest is None else f"last checks {age_in_words(oldest)} ago"
    text = f"{status.active or 'nobody'} is active, {up} of {len(status.servers)} servers up, {checks}"
    return Line(cells=(_time(at), Cell(f"{'heartbeat':<12}", Tone.QUIET), Cell(text, Tone.QUIET)))


def lost_document(cluster: str, missing: NoAnswer) -> Document:
    """From here on nothing is known."""
    return {**_head("lost", missing.at, cluster), "detail": missing.why}


def lost_text(missing: NoAnswer) -> str:
    """The same for people."""
    return f"{moment_in_words(missing.at)}  Asking again until there is an answer: {missing.why}"


def back_document(at: datetime, cluster: str, missing: NoAnswer) -> Document:
    """There are answers again; what changed meanwhile is told next."""
    return {**_head("back", at, cluster), "lost_at": _iso(missing.since)}


def back_text(at: datetime, missing: NoAnswer) -> str:
    """The same for people."""
    away = age_in_words(max((at - missing.since).total_seconds(), 0.0))
    return f"{moment_in_words(at)}  The daemon answers again, after {away}"


def _head(kind: str, at: datetime, cluster: str) -> Document:
    return {"kind": kind, "at": _iso(at), "cluster": cluster}


def _time(at: datetime) -> Cell:
    return Cell(moment_in_words(at), Tone.QUIET)


def _servers(status: ClusterStatus, state: str) -> list[str]:
    return [server.name for server in status.servers if server.license.state == state]


def _oldest(status: ClusterStatus) -> float | None:
    """How long ago the check was that is the furthest back; None where a server had none."""
    ages = [server.license.age_seconds for server in status.servers]
    known = [age for age in ages if age is not None]
    return max(known) if known and len(known) == len(ages) else None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
