"""Where in the usage log a session stands: on PostgreSQL in its month's partition.

The month is part of what a session is known by, so it has to be the same for whoever tells of it: it is read
out of the session's key.
"""

import re
from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, text

_MINUTE = re.compile(r"/(\d{4})-(\d{2})-\d{2}T\d{2}:\d{2}/")
_PARTITION = re.compile(r"rlm_usage_log_(\d{4})_(0[1-9]|1[0-2])")
UNKNOWN = date(1970, 1, 1)
"""For sessions of which nothing tells when they began."""
MONTHS_LOCK = 0x726C6D2D6861
"""Whoever makes or drops a partition has it: two may want the same one. Any number that nobody else uses."""


def month_of(key: str) -> date:
    """The first day of the month in which a session began, by its server's wall clock."""
    minute = _MINUTE.search(key)
    if minute is None or not 1 <= int(minute[2]) <= 12 or minute[1] == "0000":
        return UNKNOWN
    return date(int(minute[1]), int(minute[2]), 1)


def partition_of(month: date) -> str:
    """The name of its table."""
    return f"rlm_usage_log_{month:%Y_%m}"


def month_of_partition(name: str) -> date | None:
    """The month whose table has that name; None for one that we have not made."""
    found = _PARTITION.fullmatch(name)
    return None if found is None else date(int(found[1]), int(found[2]), 1)


def after(month: date) -> date:
    """The next one."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def ensure_months(connection: Connection, months: Collection[date]) -> None:
    """Make the partitions that are not there yet."""
    if connection.dialect.name != "postgresql":
        return
    missing = [month for month in sorted(months) if not _is_there(connection, month)]
    if missing:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MONTHS_LOCK})
    for month in missing:
        # No parameters in a definition; name and bounds are made of numbers.
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {partition_of(month)} PARTITION OF rlm_usage_log "
            f"FOR VALUES FROM ('{month}') TO ('{after(month)}')"
        )


def _is_there(connection: Connection, month: date) -> bool:
    found = connection.execute(text("SELECT to_regclass(:name)"), {"name": partition_of(month)})
    return found.scalar_one() is not None
