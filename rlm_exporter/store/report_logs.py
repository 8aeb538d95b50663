"""What was read of report logs, and how far. Everything here runs in a transaction.

The place is written together with what was found up to it. So whatever ends a reader, the next one goes on
where this one's last batch ended: nothing is lost, and nothing comes twice.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from rlm_exporter.rlm.denial_reason import denial_reason
from rlm_exporter.store.copying import insert_rows
from rlm_exporter.store.errors import StalePlaceError
from rlm_exporter.store.tables import denial, report_log
from rlm_exporter.store.usage import short
from rlm_exporter.store.usage_records import Denied, LogPlace, Told, storable
from rlm_exporter.store.usage_told import record_told


def read_place(connection: Connection, *, cluster: str, server: str, isv: str) -> LogPlace:
    """How far the log of an ISV server has been read."""
    query = select(report_log.c.number, report_log.c.position).where(
        report_log.c.cluster == cluster, report_log.c.server == server, report_log.c.isv == isv
    )
    row = connection.execute(query).first()
    number, position = (0, "") if row is None else row
    return LogPlace(cluster=cluster, server=server, isv=isv, number=number, position=position)


def record_log(
    connection: Connection,
    *,
    after: LogPlace,
    position: str,
    tellings: Iterable[Told],
    denials: Iterable[Denied],
    now: datetime,
) -> LogPlace:
    """Write what was found between two places; raises `StalePlaceError` if somebody else has gone on from
    the first one."""
    stands = read_place(connection, cluster=after.cluster, server=after.server, isv=after.isv)
    if stands.number != after.number:
        raise StalePlaceError(
            f"the report log of {after.isv} on {after.server} in cluster {after.cluster} was read on from "
            f"there by another reader: batch {stands.number} came, after {after.number} was asked for"
        )
    record_told(connection, tellings)
    insert_rows(connection, denial, [_denial(each) for each in denials])
    values = {"number": after.number + 1, "position": position, "read_at": now}
    key = {"cluster": after.cluster, "server": after.server, "isv": after.isv}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(report_log).values(key | values)
    connection.execute(made.on_conflict_do_update(index_elements=list(key), set_=values))
    return LogPlace(
        cluster=after.cluster,
        server=after.server,
        isv=after.isv,
        number=after.number + 1,
        position=position,
    )


def _denial(told: Denied) -> dict[str, object]:
    return {
        "cluster": told.cluster,
        "server_name": short(told.server),
        "isv": storable(told.isv),
        "feature_name": short(told.feature),
        "version": None if told.version is None else storable(told.version),
        "user_name": short(told.user),
        "hostname": short(told.host),
        "count": told.count,
        "reason": denial_reason(told.code),
        "code": told.code,
        "is_final": told.is_final,
        "denied_at": told.at,
        "is_ambiguous": told.is_ambiguous,
    }
