"""Answers of the daemon about usage, as its API gives them."""

from typing import Any

Document = dict[str, Any]

PATH = "/api/v1/clusters/site"
SPAN: Document = {"cluster": "site", "since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z"}


def line(**changes: Any) -> Document:
    """Figures of a feature."""
    return {
        "isv": "siemens", "feature": "STARCCM", "who": None, "sessions": 12, "checkouts": 11, "peak": 40,
        "average": 12.345, "seat_hours": 296.3, "seats": 40, "ceiling_hours": 3.25, "unused": 0,
        "reserved": 10, "idle_reserved": 0, "denied": 7, "passed_on": 1, "denial_rate": 0.389,
        "reasons": {"all_in_use": 7}, "last_denied": "2026-03-02T09:30:00Z", **changes,
    }  # fmt: skip


def usage(*lines: Document, by: str = "feature", **changes: Any) -> Document:
    """A report of these lines."""
    return {
        **SPAN,
        "by": by,
        "lines": list(lines),
        "omitted": 0,
        "undated": 0,
        "known_since": None,
        **changes,
    }


def denials(*lines: Document, by: str = "feature", **changes: Any) -> Document:
    """Refusals."""
    return {**SPAN, "by": by, "lines": list(lines), "omitted": 0, "newest": [], **changes}


def denial(**changes: Any) -> Document:
    """One line of refusals."""
    return {
        "isv": "siemens", "feature": "STARCCM", "who": None, "reason": "all_in_use", "denied": 7,
        "passed_on": 1, "last": "2026-03-02T09:30:00Z", **changes,
    }  # fmt: skip


def session(**changes: Any) -> Document:
    """One that is out."""
    return {
        "server": "rlm1", "feature": "STARCCM", "user": "alice", "host": "ws1", "seats": 1,
        "out": "2026-02-27T08:00:00Z", "ended": None, "hours": 88.0, **changes,
    }  # fmt: skip


def ending(**changes: Any) -> Document:
    """A pool that ends."""
    return {
        "server": "rlm1", "isv": "siemens", "product": "STARCCM", "version": "2026.1", "count": 40,
        "expires": "2026-03-20", "ends_at": "2026-03-21T00:00:00Z", "days_left": 17.6, "source": "pool",
        "place": None, "renewed_by": None, **changes,
    }  # fmt: skip


def expiring(*licenses: Document, **changes: Any) -> Document:
    """What ends within 90 days."""
    document: Document = {"cluster": "site", "at": "2026-03-03T00:00:00Z", "within_days": 90.0, "unknown": []}
    return {**document, "licenses": list(licenses), **changes}


def double_use(*hosts: Document, **changes: Any) -> Document:
    """Hosts with two pools."""
    return {**SPAN, "hosts": list(hosts), "omitted": 0, "complete": True, **changes}


def double_host(**changes: Any) -> Document:
    """One of them."""
    return {
        "server": "rlm1", "isv": "siemens", "feature": "STARCCM", "host": "ws7",
        "versions": ["2025.1", "2026.1"], "users": ["eve"], "hours": 2.5,
        "last": "2026-03-02T12:00:00Z", **changes,
    }  # fmt: skip


def profile(**changes: Any) -> Document:
    """A day of a feature, whose seats are known from eight o'clock."""
    return {
        **SPAN, "timezone": "UTC", "isv": "siemens", "feature": "STARCCM",
        "hours": [
            {"at": f"2026-03-02T{hour:02}:00:00+00:00", "average": hour / 2, "peak": hour,
             "seats": 40 if hour >= 8 else None}
            for hour in range(24)
        ],
        "shares": [{"in_use": 0, "share": 0.25}, {"in_use": 2, "share": 0.5}, {"in_use": 3, "share": 0.25}],
        **changes,
    }  # fmt: skip
