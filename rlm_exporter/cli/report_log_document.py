"""A report log as the values of a JSON document; times are the server's, without a zone."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rlm_exporter.rlm.report_log import ReportLog
from rlm_exporter.rlm.report_log_totals import Totals
from rlm_exporter.rlm.report_log_values import Denial, Header, LogWarning, Run, Session

_SECOND = timedelta(seconds=1)


def document(log: ReportLog, names: Sequence[str]) -> dict[str, Any]:
    """All that the log tells; `names` are those of its files."""
    return {
        "header": header_value(log.header),
        "runs": [run_value(run) for run in log.runs],
        "sessions": [session_value(session) for session in log.sessions],
        "denials": [denial_value(denial) for denial in log.denials],
        "peak_seats": dict(log.peak_seats),
        "warnings": [warning_value(warning, names) for warning in log.warnings],
    }


def totals_document(
    header: Header, totals: Totals, peaks: Mapping[str, int], names: Sequence[str]
) -> dict[str, Any]:
    """Sums; a `null` product is that of checkins whose checkout is not in a small log."""
    return {
        "header": header_value(header),
        "runs": [run_value(run) for run in totals.runs],
        "products": [
            {
                "product": product,
                "sessions": each.sessions,
                "seconds": _plain(each.seconds),
                "unmeasured": each.unmeasured,
                "open": each.open,
                "peak_seats": None if product is None else peaks.get(product),
                "denied": each.denied,
                "passed_on": each.passed_on,
            }
            for product, each in sorted(totals.products.items(), key=lambda item: item[0] or "")
        ],
        "denials": [
            {"product": product, "why": why, "counted": counted, "number": number}
            for (product, why, counted), number in sorted(totals.refusals.items())
        ],
        "warnings": {
            "number": totals.warnings,
            "first": [warning_value(warning, names) for warning in totals.first_warnings],
        },
    }


def header_value(header: Header) -> dict[str, Any]:
    """What the first lines say."""
    return {
        "format": None if header.format is None else header.format.value,
        "log_version": header.log_version,
        "isv": header.isv,
        "rlm_version": header.rlm_version,
        "authenticated": header.authenticated,
    }


def run_value(run: Run) -> dict[str, Any]:
    """One run of the server."""
    return {
        "server": run.server,
        "start": _iso(run.start),
        "end": _iso(run.end),
        "ended_by": run.ended_by.value,
        "timezone_minutes_west": run.timezone_minutes_west,
    }


def session_value(session: Session) -> dict[str, Any]:
    """One checkout."""
    return {
        "run": session.run,
        "product": session.product,
        "version": session.version,
        "pool": session.pool,
        "user": session.user,
        "host": session.host,
        "isv_def": session.isv_def,
        "project": session.project,
        "count": session.seats,
        "handle": session.handle,
        "share_handle": session.share_handle,
        "started_by": session.begun.value,
        "out": _iso(session.out),
        "ended_by": session.ended.value,
        "in": _iso(session.back),
        "in_reason": session.reason,
        "seconds": None if session.lasted is None else _plain(session.lasted / _SECOND),
        "seen_since": _iso(session.seen_since),
        "not_after": _iso(session.not_after),
    }


def denial_value(denial: Denial) -> dict[str, Any]:
    """One refused request."""
    return {
        "run": denial.run,
        "product": denial.product,
        "version": denial.version,
        "user": denial.user,
        "host": denial.host,
        "isv_def": denial.isv_def,
        "count": denial.seats,
        "why": denial.why,
        "last_attempt": denial.last_attempt,
        "counted": denial.is_final,
        "at": _iso(denial.at),
    }


def warning_value(warning: LogWarning, names: Sequence[str]) -> dict[str, Any]:
    """One line that could not be read, by its file's name."""
    return {"file": names[warning.file], "line": warning.line, "text": warning.text}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _plain(seconds: float) -> float:
    """A whole number where it is one."""
    return int(seconds) if seconds.is_integer() else seconds
