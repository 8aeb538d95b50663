"""Whole sessions, as report logs tell them, into the usage log. Everything here runs in a transaction.

Polling may know a session already: then its row gets the exact moments. Reading and writing are done in
batches, because a log that is read for the first time has millions of sessions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from rlm_exporter.store.copying import insert_rows
from rlm_exporter.store.tables import usage_log
from rlm_exporter.store.usage import CUT, columns_of
from rlm_exporter.store.usage_months import ensure_months, month_of
from rlm_exporter.store.usage_records import LARGEST_COUNT, End, EndReason, Told, UsageSource, storable

T = TypeVar("T")
Values = dict[str, Any]

AT_ONCE = 500
"""Keys in one query: SQLite takes some thousand parameters."""

SAME = timedelta(minutes=2)
"""By so much later than its end the beginning of a session may seem to be: rlmstat shows minutes."""

_CHANGED = (
    *("source", "checkout_time", "checkout_is_ambiguous", "checkin_time", "checkin_is_ambiguous"),
    *("session_duration", "end_reason", "end_is_exact", "count"),
)


def record_told(connection: Connection, tellings: Iterable[Told]) -> None:
    """Write sessions that are over; those that are written already stay as they are."""
    keyed: list[Told] = []
    alone: list[Told] = []
    for told in _whole(tellings):
        (alone if told.session.out is None else keyed).append(told)
    rows = _Rows(connection)
    rows.load(name for told in keyed for name in _names(told))
    for told in keyed:
        _place(told, rows)
    rows.flush()
    for told in alone:
        _place_by_handle(connection, told)


class _Rows:
    """The rows that a batch may change, by key, and what it has made of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[str, Values] = {}
        self._new: set[str] = set()
        self._changed: set[str] = set()

    def load(self, keys: Iterable[str]) -> None:
        for some in _chunks(sorted(set(keys)), AT_ONCE):
            months = {month_of(key) for key in some}
            found = self._connection.execute(
                select(usage_log).where(usage_log.c.session_key.in_(some), usage_log.c.month.in_(months))
            )
            self._rows |= {row["session_key"]: dict(row) for row in found.mappings()}

    def get(self, key: str) -> Values | None:
        return self._rows.get(key)

    def add(self, values: Values) -> None:
        self._rows[values["session_key"]] = values
        self._new.add(values["session_key"])

    def change(self, key: str, values: Values) -> None:
        self._rows[key] |= values
        if key not in self._new:
            self._changed.add(key)

    def flush(self) -> None:
        new = [self._rows[key] for key in sorted(self._new)]
        ensure_months(self._connection, {row["month"] for row in new})
        insert_rows(self._connection, usage_log, new)
        changed = [_bound(self._rows[key]) for key in sorted(self._changed)]
        if changed:
            self._connection.execute(_UPDATE, changed)


_UPDATE = (
    update(usage_log)
    .where(usage_log.c.id == bindparam("its_id"), usage_log.c.month == bindparam("its_month"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGED})
)


def _bound(row: Values) -> Values:
    return {"its_id": row["id"], "its_month": row["month"], **{f"new_{name}": row[name] for name in _CHANGED}}


def _whole(tellings: Iterable[Told]) -> Iterator[Told]:
    """One checkout may take seats under one handle in several records: they are one session."""
    found: dict[tuple[str, datetime | None], Told] = {}
    for told in tellings:
        name = (told.session.key, told.session.out)
        known = found.get(name)
        if known is None:
            found[name] = told
            continue
        count = min(known.session.count + told.session.count, LARGEST_COUNT)
        later = max(known.end, told.end, key=lambda end: end.at)
        found[name] = Told(session=replace(known.session, count=count), end=later)
    return iter(found.values())


def _names(told: Told) -> tuple[str, str, str]:
    """What the session's row may be called.

    A server that starts anew counts handles anew: two sessions of one minute may then have the same key.
    Polling numbers them; what it has not seen is told apart by its second.
    """
    key, out = storable(told.session.key), told.session.out
    second = "" if out is None else f"{out:%S}"
    return key, f"{key}#2", f"{key}.{second}"


def _place(told: Told, rows: _Rows) -> None:
    first, second, by_itself = _names(told)
    for key in (first, second, by_itself):
        row = rows.get(key)
        if row is None and key == second:
            continue  # that name is polling's to give
        if row is None:
            rows.add(_row(told, key))
            return
        if not _is_another(row, told):
            rows.change(key, _merged(row, told))
            return


def _is_another(row: Mapping[str, Any], told: Told) -> bool:
    """Whether the row is of a session that a report log has told before, and not of this one."""
    known = row["checkout_time"]
    return row["source"] != UsageSource.POLLING and known is not None and known != told.session.out


def _row(told: Told, key: str) -> Values:
    values = columns_of(replace(told.session, source=UsageSource.REPORT_LOG))
    return values | {"session_key": key, "month": month_of(key)} | _ending(told.end, told.session.out)


def _merged(row: Mapping[str, Any], told: Told) -> Values:
    """The exact moments; of an hour that exists twice polling has seen which one it was."""
    seen = row["source"] in {UsageSource.POLLING, UsageSource.BOTH}
    values: Values = {
        "source": UsageSource.BOTH if seen else UsageSource.REPORT_LOG,
        "count": told.session.count,
    }
    out = row["checkout_time"]
    if out is None or not told.session.out_is_ambiguous or row["checkout_is_ambiguous"]:
        out = told.session.out
        values |= {"checkout_time": out, "checkout_is_ambiguous": told.session.out_is_ambiguous}
    if told.end.is_exact or row["checkin_time"] is None:
        return values | _ending(_cut(_by_polling(told.end, row), row), out)
    # Both have only a moment by which it was over: polling's is the earlier one, it looks all the time.
    lasted = None if out is None else max(row["checkin_time"] - out, timedelta())
    return values | {"session_duration": lasted}


def _cut(end: End, row: Mapping[str, Any]) -> End:
    """The log of a server that clients were sent away from has but their programs' ends.

    One that hung then tells of them only when it goes on, when nobody was there for long.
    """
    at = row["checkin_time"]
    is_cut = row["end_reason"] == EndReason.FAILED_OVER and end.reason is EndReason.RETURNED
    if not is_cut or at is None or end.at < at - CUT:
        return end
    lasted = end.lasted if end.at <= at else None
    return replace(end, at=min(at, end.at), reason=EndReason.FAILED_OVER, lasted=lasted)


def _by_polling(end: End, row: Mapping[str, Any]) -> End:
    """Polling saw it end soon after it had: that tells which of two hours it was."""
    seen = row["checkin_time"]
    if end.other is None or seen is None or row["end_is_exact"]:
        return end
    at = min(end.at, end.other, key=lambda each: abs(each - seen))
    return replace(end, at=at, other=None, lasted=None)


def _ending(end: End, out: datetime | None) -> Values:
    lasted = end.lasted
    if lasted is None and out is not None:
        lasted = max(end.at - out, timedelta())
    return {
        "checkin_time": end.at,
        "checkin_is_ambiguous": end.other is not None,
        "session_duration": lasted,
        "end_reason": end.reason,
        "end_is_exact": end.is_exact,
    }


def _place_by_handle(connection: Connection, told: Told) -> None:
    """The log has only its end: it is the newest session of that handle that could have ended then."""
    row = _newest(connection, told)
    rows = _Rows(connection)
    rows.load([row["session_key"] if row is not None else storable(told.session.key)])
    key = row["session_key"] if row is not None else storable(told.session.key)
    if row is not None and row["end_is_exact"]:
        return  # told before
    if row is not None:
        end = _by_polling(told.end, row)
        rows.change(key, {"source": UsageSource.BOTH, **_ending(end, row["checkout_time"])})
    elif rows.get(key) is None and told.session.feature:
        rows.add(_row(told, key))  # without its product nobody could say what it was
    rows.flush()


def _newest(connection: Connection, told: Told) -> Mapping[str, Any] | None:
    session, at = told.session, told.end.at
    log = usage_log.c
    # By polling's end it was over, however late that looked.
    polled = and_(log.end_is_exact.is_(False), or_(log.checkin_time.is_(None), log.checkin_time >= at - SAME))
    query = (
        select(usage_log)
        .where(
            log.cluster == session.cluster,
            log.server_name == session.server,
            log.handle == storable(session.handle),
            or_(log.checkout_time.is_(None), log.checkout_time <= at + SAME),
            or_(polled, log.checkin_time == at),
        )
        .order_by(log.checkout_time.desc().nulls_last(), log.id.desc())
        .limit(AT_ONCE)
    )
    isv, product = (session.isv or "").casefold(), session.feature.casefold()
    for row in connection.execute(query).mappings():
        if (row["isv"] or "").casefold() == isv and product in {"", row["feature_name"].casefold()}:
            return dict(row)
    return None


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
