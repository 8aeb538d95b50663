"""What reports need of SQL beyond SQLAlchemy's own words, on SQLite and on PostgreSQL."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnClause,
    Connection,
    String,
    bindparam,
    column,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

STATEMENT_LIMIT_MS = 60_000
"""Of one statement of a report on PostgreSQL; who waits gives up sooner."""
ROOM = "256MB"
"""What PostgreSQL may sort in memory for one report: a million events."""


class WholeSeconds(FunctionElement[int]):
    """A time of the usage log in seconds since 1970, what is below a second cut off."""

    type = BigInteger()
    inherit_cache = True


@compiles(WholeSeconds, "postgresql")
def _whole_seconds_on_postgresql(element: WholeSeconds, compiler: SQLCompiler, **options: Any) -> str:
    # date_part gives a double, exact to the microsecond here, and is much quicker than EXTRACT's numeric.
    inner = compiler.process(element.clauses, **options)
    return f"CAST(floor(date_part('epoch', {inner})) AS BIGINT)"


@compiles(WholeSeconds, "sqlite")
def _whole_seconds_on_sqlite(element: WholeSeconds, compiler: SQLCompiler, **options: Any) -> str:
    # Without its fraction, which SQLite would round.
    inner = compiler.process(element.clauses, **options)
    return f"CAST(strftime('%s', substr({inner}, 1, 19)) AS INTEGER)"


class Unsought(FunctionElement[str]):
    """A column that SQLite looks for in no index: without statistics, any index seems a good one to it."""

    type = String()
    inherit_cache = True


@compiles(Unsought)
def _unsought(element: Unsought, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(Unsought, "sqlite")
def _unsought_on_sqlite(element: Unsought, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


class Later(FunctionElement[int]):
    """The greater of two numbers."""

    type = BigInteger()
    inherit_cache = True


class Earlier(FunctionElement[int]):
    """The lesser of two numbers."""

    type = BigInteger()
    inherit_cache = True


def _two(word: str, element: FunctionElement[int], compiler: SQLCompiler, options: Any) -> str:
    return f"{word}({compiler.process(element.clauses, **options)})"


@compiles(Later, "postgresql")
def _later_on_postgresql(element: Later, compiler: SQLCompiler, **options: Any) -> str:
    return _two("greatest", element, compiler, options)


@compiles(Later, "sqlite")
def _later_on_sqlite(element: Later, compiler: SQLCompiler, **options: Any) -> str:
    return _two("max", element, compiler, options)


@compiles(Earlier, "postgresql")
def _earlier_on_postgresql(element: Earlier, compiler: SQLCompiler, **options: Any) -> str:
    return _two("least", element, compiler, options)


@compiles(Earlier, "sqlite")
def _earlier_on_sqlite(element: Earlier, compiler: SQLCompiler, **options: Any) -> str:
    return _two("min", element, compiler, options)


def begin_report(connection: Connection) -> None:
    """Make a reading transaction fit for a long look; to be called before anything is read in it."""
    if connection.dialect.name != "postgresql":
        return
    # A snapshot is all that a report needs: as a serializable one it would get in the way of writers.
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_LIMIT_MS}")
    connection.exec_driver_sql(f"SET LOCAL work_mem = '{ROOM}'")
    # Compiling a statement for each partition takes longer than running it.
    connection.exec_driver_sql("SET LOCAL jit = off")
    # A million events have some thousand levels: to sort them for that takes longer than to count them.
    connection.exec_driver_sql("SET LOCAL enable_sort = off")


def given_rows(connection: Connection, name: str, texts: Sequence[str], rows: Iterable[Sequence[Any]]) -> CTE:
    """Rows of ours as a table: these columns of text, and then `number`.

    They go as one JSON parameter: there is no bound to how many there are. `name` and `texts` are our words.
    """
    columns: list[ColumnClause[Any]] = [
        *(column(each, String()) for each in texts),
        column("number", BigInteger()),
    ]
    if connection.dialect.name == "postgresql":
        # Read out of the JSON once, and not whenever a row is compared.
        words = [*texts, "number"]
        shapes = ", ".join([*(f"{word} text" for word in texts), "number bigint"])
        source = f"json_to_recordset(CAST(:{name}_rows AS json)) AS each({shapes})"
        given: list[Any] = [dict(zip(words, row, strict=True)) for row in rows]
    else:
        words = [f"json_extract(value, '$[{place}]') AS {word}" for place, word in enumerate(texts)]
        words.append(f"json_extract(value, '$[{len(texts)}]') AS number")
        source = f"json_each(:{name}_rows)"
        given = list(rows)
    query = text(f"SELECT {', '.join(words)} FROM {source}")  # noqa: S608 - made of our own words
    parameter = bindparam(f"{name}_rows", orjson.dumps(given).decode(), type_=String())
    # SQLite would read the JSON again for each row that it is joined with.
    return (
        query.bindparams(parameter).columns(*columns).cte(name).prefix_with("MATERIALIZED", dialect="sqlite")
    )
