"""Whole sessions, as report logs tell them, into the usage log. Everything here runs in a transaction.

Polling may know a session already: then its row gets the exact moments. Reading and writing are done in
batches, because a log that is read for the first time has millions of sessions.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, bindparam, or_, select, update

from rlm_exporter.store.copying import insert_rows
from rlm_exporter.store.tables import usage_log
from rlm_exporter.store.usage import CUT, columns_of, short
from rlm_exporter.store.usage_months import ensure_months, month_of
from rlm_exporter.store.usage_records import LARGEST_COUNT, End, EndReason, Told, UsageSource, storable

T = TypeVar("T")
Values = dict[str, Any]

AT_ONCE = 500
"""Keys in one query: SQLite takes some thousand parameters."""

MOST_OF_A_SECOND = 4
"""Sessions of one handle that began in one second, and are rows of their own."""

SAME = timedelta(minutes=2)
"""By so much later than its end the beginning of a session may seem to be: rlmstat shows minutes."""

_CHANGED = (
    *("source", "checkout_time", "checkout_is_ambiguous", "checkin_time", "checkin_is_ambiguous"),
    *("session_duration", "end_reason", "end_is_exact", "count", "project"),
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
    if alone:
        _place_by_handle(connection, alone)


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
        found[name] = replace(known, session=replace(known.session, count=count), end=later)
    return iter(found.values())


def _names(told: Told) -> tuple[str, str, str]:
    """What the session's row may be called.

    A server that starts anew counts handles anew: two sessions of one minute may then have the same key.
    Polling numbers them; what it has not seen is told apart by its second.
    """
    key, out = storable(told.session.key), told.session.out
    second = "" if out is None else f"{out:%S}"
    return key, f"{key}#2", f"{key}.{second}"


def _further_names(told: Told, rows: _Rows) -> Iterator[str]:
    """Where even the second is the same, a number. That is rare, so these rows are loaded one by one."""
    for number in range(2, MOST_OF_A_SECOND + 1):
        key = f"{_names(told)[-1]}-{number}"
        if rows.get(key) is None:
            rows.load([key])
        yield key


def _place(told: Told, rows: _Rows) -> None:
    names = _names(told)
    for key in itertools.chain(names, _further_names(told, rows)):
        row = rows.get(key)
        if row is None and key == names[1]:
            continue  # that name is polling's to give
        if row is None:
            rows.add(_row(told, key))
            return
        if not _is_another(row, told):
            rows.change(key, _merged(row, told))
            return
    # More in one second than anybody has made: what is more are the same lines, told again and again.


def _is_another(row: Mapping[str, Any], told: Told) -> bool:
    """Whether the row is of a session that a report log has told before, and not of this one."""
    known = row["checkout_time"]
    if row["source"] == UsageSource.POLLING or known is None:
        return False
    return known not in {told.session.out, told.other_out} or _came_back_before(row, told)


def _came_back_before(row: Mapping[str, Any], told: Told) -> bool:
    """Seats under one handle may come back one after the other; each is told when it does.

    A failover has ended a row before its log did: then the two ends say nothing.
    """
    if not (row["end_is_exact"] and told.end.is_exact) or row["end_reason"] == EndReason.FAILED_OVER:
        return False
    ends = {told.end.at, told.end.other}
    return row["checkin_time"] not in ends and row["checkin_time"] < told.end.at


def _row(told: Told, key: str) -> Values:
    values = columns_of(replace(told.session, source=UsageSource.REPORT_LOG))
    return values | {"session_key": key, "month": month_of(key)} | _ending(told.end, told.session.out)


def _merged(row: Mapping[str, Any], told: Told) -> Values:
    """The exact moments; of an hour that exists twice polling has seen which one it was."""
    seen = row["source"] in {UsageSource.POLLING, UsageSource.BOTH}
    values: Values = {
        "source": UsageSource.BOTH if seen else UsageSource.REPORT_LOG,
        "count": told.session.count,
        "project": short(told.session.project) or row["project"],
    }
    out, is_ambiguous = _begin(row, told)
    values |= {"checkout_time": out, "checkout_is_ambiguous": is_ambiguous}
    if told.end.is_exact or row["checkin_time"] is None:
        return values | _ending(_after(out, _cut(_by_polling(told.end, row), row)), out)
    # Both have only a moment by which it was over: polling's is the earlier one, it looks all the time.
    lasted = None if out is None else max(row["checkin_time"] - out, timedelta())
    return values | {"session_duration": lasted}


def _begin(row: Mapping[str, Any], told: Told) -> tuple[datetime | None, bool]:
    """When it began, and whether that is still unknown: polling may have seen which hour it was."""
    out, other, seen = told.session.out, told.other_out, row["checkout_time"]
    if out is None or other is None or seen is None or row["checkout_is_ambiguous"]:
        return out, told.session.out_is_ambiguous
    return min(out, other, key=lambda each: abs(each - seen)), False


def _after(out: datetime | None, end: End) -> End:
    """The end in the hour that it can have been in."""
    if out is None or end.other is None or end.at >= out:
        return end
    return replace(end, at=end.other, other=None, lasted=None)


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
    if end.other is None or seen is None or row["checkin_is_ambiguous"]:
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


def _place_by_handle(connection: Connection, alone: Sequence[Told]) -> None:
    """The log has only their ends: each is the newest session of that handle that could have ended then."""
    candidates = _Candidates(connection, alone)
    rows = _Rows(connection)
    rows.load([*candidates.keys, *(storable(told.session.key) for told in alone)])
    for told in alone:
        row = candidates.newest(told, rows)
        key = storable(told.session.key)
        if row is None:
            if rows.get(key) is None and told.session.feature:
                rows.add(_row(told, key))  # without its product nobody could say what it was
        elif not row["end_is_exact"]:  # else it was told before
            end = _by_polling(told.end, row)
            source = {"source": UsageSource.BOTH}
            rows.change(row["session_key"], {**source, **_ending(end, row["checkout_time"])})
    rows.flush()


class _Candidates:
    """Keys of the rows that ends without a beginning may belong to, by handle; the newest first."""

    def __init__(self, connection: Connection, alone: Sequence[Told]) -> None:
        self._by_handle: dict[tuple[str, str, str], list[str]] = {}
        for handles in _chunks(sorted({storable(told.session.handle) for told in alone}), AT_ONCE):
            for row in connection.execute(_ends_of(alone, handles)):
                found = self._by_handle.setdefault((row.cluster, row.server_name, row.handle), [])
                found.append(row.session_key)

    @property
    def keys(self) -> Iterator[str]:
        return (key for keys in self._by_handle.values() for key in keys)

    def newest(self, told: Told, rows: _Rows) -> Values | None:
        """As the rows are now: another end of the batch may have been its own."""
        session = told.session
        keys = self._by_handle.get((session.cluster, session.server, storable(session.handle)), ())
        found = (row for key in keys if (row := rows.get(key)) is not None)
        return next((row for row in found if _could_end(row, told)), None)


def _ends_of(alone: Sequence[Told], handles: Sequence[str]) -> Select[Any]:
    log, ends = usage_log.c, [told.end.at for told in alone]
    first, last = min(ends), max(ends)
    # By polling's end it was over, however late that looked.
    polled = and_(
        log.end_is_exact.is_(False), or_(log.checkin_time.is_(None), log.checkin_time >= first - SAME)
    )
    return (
        select(log.cluster, log.server_name, log.handle, log.session_key)
        .where(
            log.cluster.in_({told.session.cluster for told in alone}),
            log.server_name.in_({told.session.server for told in alone}),
            log.handle.in_(handles),
            or_(log.checkout_time.is_(None), log.checkout_time <= last + SAME),
            or_(polled, log.checkin_time.between(first, last)),
        )
        .order_by(log.checkout_time.desc().nulls_last(), log.id.desc())
    )


def _could_end(row: Values, told: Told) -> bool:
    session, at = told.session, told.end.at
    out, end = row["checkout_time"], row["checkin_time"]
    if out is not None and out > at + SAME:
        return False
    if end != at and (row["end_is_exact"] or (end is not None and end < at - SAME)):
        return False
    isv, product = (session.isv or "").casefold(), session.feature.casefold()
    return (row["isv"] or "").casefold() == isv and product in {"", row["feature_name"].casefold()}


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
