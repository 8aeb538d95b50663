"""How many seats there were, from when on. Everything here runs in a transaction."""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from rlm_exporter.store.tables import license_seats
from rlm_exporter.store.usage import short
from rlm_exporter.store.usage_records import Seats, storable

_KEY = ("cluster", "isv", "feature_name", "since")


def record_seats(connection: Connection, changes: Iterable[Seats]) -> None:
    """Write changes; the same again changes nothing."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for each in changes:
        values = {"seats": each.seats, "reserved": each.reserved, "server_name": short(each.server)}
        key = {
            "cluster": each.cluster,
            "isv": storable(each.isv),
            "feature_name": short(each.feature),
            "since": each.since,
        }
        made = dialect.insert(license_seats).values(key | values)
        connection.execute(made.on_conflict_do_update(index_elements=_KEY, set_=values))


def read_seats(connection: Connection, *, cluster: str) -> tuple[Seats, ...]:
    """The newest of each feature."""
    c = license_seats.c
    newest = (
        select(c.isv, c.feature_name, func.max(c.since).label("since"))
        .where(c.cluster == cluster)
        .group_by(c.isv, c.feature_name)
        .subquery()
    )
    query = (
        select(license_seats)
        .join(
            newest,
            (c.isv == newest.c.isv) & (c.feature_name == newest.c.feature_name) & (c.since == newest.c.since),
        )
        .where(c.cluster == cluster)
        .order_by(c.isv, c.feature_name)
    )
    return tuple(
        Seats(
            cluster=row["cluster"],
            isv=row["isv"],
            feature=row["feature_name"],
            since=row["since"],
            seats=row["seats"],
            reserved=row["reserved"],
            server=row["server_name"],
        )
        for row in connection.execute(query).mappings()
    )
