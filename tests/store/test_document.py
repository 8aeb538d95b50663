"""`docs/journal.md` and the tables say the same, and its queries run."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rlm_exporter.store.tables import metadata

TEXT = (Path(__file__).parents[2] / "docs" / "journal.md").read_text()
QUERIES = [
    query.strip()
    for block in re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    for query in block.split(";")
    if query.strip()
]


@pytest.mark.parametrize("table", [table.name for table in metadata.sorted_tables])
def test_every_table_and_column_is_explained(table: str) -> None:
    assert f"`{table}`" in TEXT
    if table != "write_check":
        unknown = [column.name for column in metadata.tables[table].columns if f"`{column.name}`" not in TEXT]
        assert unknown == []


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_runs(engine: Engine, query: str) -> None:
    with engine.connect() as connection:
        assert connection.exec_driver_sql(query).returns_rows
