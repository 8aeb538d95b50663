"""What PostgreSQL is told around a dump, as text: what has to be so before it, and after. Pure."""

# ruff: noqa: S608 - names are quoted here, and numbers and sums were judged when the list was read

from collections.abc import Sequence

from rlm_exporter.backup.contents import TableSum

TABLES = """
SELECT c.relname, c.relispartition
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
"""
"""What is in the schema in which the daemon's tables are looked for first."""
PARTITIONS = """
SELECT m.nspname, k.relname
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
JOIN pg_catalog.pg_namespace m ON m.oid = k.relnamespace
WHERE n.nspname = current_schema() AND c.relname = 'rlm_usage_log'
"""
SAME_TEXT = (
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL extra_float_digits = 1",
)
"""So that the same row is the same text in every session."""
VIEW = "rlm_current_usage"


def at_work(application: str) -> str:
    """Asks where the daemons are that are connected, under the name that they give."""
    name = application.replace("'", "''")
    return (
        "SELECT DISTINCT coalesce(host(client_addr), 'its own machine') FROM pg_catalog.pg_stat_activity "
        f"WHERE datname = current_database() AND application_name = '{name}' AND pid <> pg_backend_pid()"
    )


def quoted(name: str) -> str:
    """A name as it stands in a statement."""
    return '"' + name.replace('"', '""') + '"'


def sum_query(schema: str, table: str) -> str:
    """Rows, and the sum of what is in them; in whatever order they come."""
    text = "encode(sha256(convert_to(t::text, 'UTF8')), 'hex')"
    number = f"('x' || left({text}, 15))::bit(60)::bigint"
    return f"SELECT count(*), coalesce(sum({number}), 0)::text FROM {quoted(schema)}.{quoted(table)} AS t"


def before(
    schema: str, *, application: str, lock: int, lock_seconds: int, going: Sequence[str] | None
) -> str:
    """What comes before the dump, in its transaction: nobody else is at it, and there is room.

    `going` are the tables that are dropped for it; None where there are to be none. What others have made of
    them, a view say, keeps them: then nothing is done at all.
    """
    lines = [
        f"SET LOCAL lock_timeout = '{lock_seconds}s';",
        f"SELECT pg_advisory_xact_lock({lock});",
        _raise_if(f"EXISTS ({at_work(application)})", "a daemon is at work on it; stop it first"),
    ]
    if going is None:
        lines.append(_raise_if(f"EXISTS ({TABLES})", "there are tables by now, which were left alone"))
    elif going:
        lines.append(f"DROP VIEW IF EXISTS {quoted(schema)}.{quoted(VIEW)};")
        lines.append(f"DROP TABLE {', '.join(f'{quoted(schema)}.{quoted(name)}' for name in going)};")
    return "\n".join(lines)


def after(schema: str, tables: Sequence[TableSum]) -> str:
    """What comes after it, still in its transaction: all is as it was saved, or nothing is kept."""
    lines = [f"{setting};" for setting in SAME_TEXT]
    lines += [
        _raise_if(
            f"({_row(schema, table)}) IS DISTINCT FROM '{table.rows} {table.sum}'",
            f"{table.name} did not come back as it was saved",
        )
        for table in tables
    ]
    return "\n".join(lines)


def _row(schema: str, table: TableSum) -> str:
    return f"SELECT rows || ' ' || sum FROM ({sum_query(schema, table.name)}) AS seen(rows, sum)"


def _raise_if(condition: str, words: str) -> str:
    told = words.replace("'", "''")
    return f"DO $rlm_ha$ BEGIN IF {condition} THEN RAISE EXCEPTION '{told}'; END IF; END $rlm_ha$;"
