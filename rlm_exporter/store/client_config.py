"""What an operator has set of the settings that clients get. Everything here runs in a transaction."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from rlm_exporter.store import history
from rlm_exporter.store.records import ClientConfig, RedundancyMode
from rlm_exporter.store.tables import client_config

WORD = "client_config"
"""The rule of its rows in the history."""


def read_client_config(connection: Connection, cluster: str) -> ClientConfig:
    """What is set; where nothing is, a config that leaves all to the manifest."""
    query = select(client_config).where(client_config.c.cluster == cluster)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return ClientConfig()
    return ClientConfig(
        servers=tuple(row["servers"].split()),
        follows=row["follows"],
        mode=RedundancyMode(row["mode"]),
        set_by=row["set_by"],
        reason=row["reason"],
        set_at=row["set_at"],
    )


def save_client_config(
    connection: Connection, cluster: str, config: ClientConfig, *, told: str, now: datetime
) -> ClientConfig:
    """Write it over what stood, and into the history why and by whom."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {
        "servers": " ".join(config.servers),
        "follows": config.follows,
        "mode": config.mode,
        "set_by": config.set_by,
        "reason": config.reason,
        "set_at": now,
    }
    made = dialect.insert(client_config).values(cluster=cluster, **values)
    connection.execute(made.on_conflict_do_update(index_elements=["cluster"], set_=values))
    history.insert_held(connection, cluster=cluster, rule=WORD, trigger="operator", detail=told, now=now)
    return replace(config, set_at=now)
