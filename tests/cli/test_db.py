"""`rlm-ha db`, as somebody runs it who sets a database up."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rlm_exporter.store.journal import Journal
from tests.cli.command import CommandLine, end_of
from tests.postgresql import PASSWORD, PostgresqlServer, ask
from tests.store.ledgers import held
from tests.store.test_upgrade import HEAD


async def test_upgrade_makes_the_tables_and_may_be_repeated(
    rlm_ha: CommandLine, postgresql: PostgresqlServer
) -> None:
    url = postgresql.new_database()
    first = await rlm_ha.run("db", "upgrade", "--store", url)
    again = await rlm_ha.run("db", "upgrade", RLM_HA_STORE=url)
    name = url.replace(PASSWORD, "***")
    assert (first.code, first.out) == (0, f"{name}: no tables, now schema {HEAD}\n")
    assert (again.code, again.out) == (0, f"{name}: already schema {HEAD}\n")
    assert ask(url, "SELECT count(*) FROM cluster") == [(0,)]
    postgresql.drop_database(url)


async def test_upgrade_takes_the_database_of_a_configuration(rlm_ha: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    config = tmp_path / "config.yaml"
    config.write_text(f"apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {{store: 'sqlite:///{path}'}}\n")
    ended = await rlm_ha.run("db", "upgrade", "--config", str(config))
    assert (ended.code, ended.out) == (0, f"{path}: no tables, now schema {HEAD}\n")


async def test_upgrade_says_which_words_are_missing(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("db", "upgrade")
    assert ended.code == 2
    assert "which database? Give --store, RLM_HA_STORE, or --config" in ended.err


async def test_a_database_that_cannot_be_reached_is_an_error_in_words(
    rlm_ha: CommandLine, postgresql: PostgresqlServer
) -> None:
    ended = await rlm_ha.run("db", "upgrade", "--store", postgresql.url(port=1))
    assert ended.code == 5
    assert "it cannot be reached; is it running" in ended.err
    assert PASSWORD not in ended.err


LONG_AGO = datetime(2020, 1, 10, 8, tzinfo=UTC)


async def keep_usage(url: str) -> None:
    """A journal with two sessions of long ago, one of which is still out."""
    async with await Journal.open(url=url) as journal:
        await journal.record_usage(
            [
                *held("was-there", LONG_AGO, LONG_AGO + timedelta(hours=1)),
                *held("is-there", LONG_AGO, None),
            ]
        )


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "usage.db"
    await keep_usage(f"sqlite:///{path}")
    return path


def users_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {user for (user,) in connection.execute("SELECT user_name FROM rlm_usage_log")}


async def test_prune_deletes_what_is_older_and_says_how_much(rlm_ha: CommandLine, file: Path) -> None:
    store = f"sqlite:///{file}"
    ended = await rlm_ha.run("db", "prune", "--older-than", "400d", "--yes", "--json", "--store", store)
    assert (ended.code, ended.err) == (0, "")
    assert {
        name: ended.document[name] for name in ("database", "dry_run", "sessions", "denials", "seats")
    } == {
        "database": str(file),
        "dry_run": False,
        "sessions": 1,
        "denials": 0,
        "seats": 0,
    }
    assert datetime.fromisoformat(ended.document["before"]) < datetime.now(UTC) - timedelta(days=399)
    assert users_in(file) == {"is-there"}


async def test_prune_drops_months_of_a_server(rlm_ha: CommandLine, postgresql: PostgresqlServer) -> None:
    url = postgresql.new_database()
    assert (await rlm_ha.run("db", "upgrade", "--store", url)).code == 0
    async with await Journal.open(url=url) as journal:
        await journal.record_usage(held("was-there", LONG_AGO, LONG_AGO + timedelta(hours=1)))
        ended = await rlm_ha.run("db", "prune", "--before", "2020-02-01", "--yes", RLM_HA_STORE=url)
    assert (ended.code, ended.err) == (0, "")
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines[0] == "Deleted: what was over before 2020-02-01 00:00:00 UTC"
    assert "sessions 1, with the whole of 2020-01" in lines
    assert PASSWORD not in ended.out
    postgresql.drop_database(url)


async def test_prune_with_dry_run_deletes_nothing(rlm_ha: CommandLine, file: Path) -> None:
    ended = await rlm_ha.run(
        "db", "prune", "--before", "2021-01-01", "--dry-run", "--store", f"sqlite:///{file}"
    )
    assert (ended.code, ended.out.split()[:2]) == (0, ["Would", "go:"])
    assert users_in(file) == {"was-there", "is-there"}


async def test_prune_deletes_nothing_where_nobody_can_be_asked(rlm_ha: CommandLine, file: Path) -> None:
    ended = await rlm_ha.run("db", "prune", "--before", "2021-01-01", "--store", f"sqlite:///{file}")
    assert ended.code == 2
    assert "nobody can be asked here: give --yes to delete, or --dry-run to see what" in ended.err
    assert users_in(file) == {"was-there", "is-there"}


@pytest.mark.parametrize(
    ("answer", "code", "stay"), [("n", 1, {"was-there", "is-there"}), ("y", 0, {"is-there"})]
)
async def test_prune_asks_at_a_terminal(
    rlm_ha: CommandLine, file: Path, answer: str, code: int, stay: set[str]
) -> None:
    ours, its = os.openpty()
    try:
        process = await rlm_ha.start_at(
            its, "db", "prune", "--before", "2021-01-01", "--store", f"sqlite:///{file}"
        )
        os.write(ours, f"{answer}\n".encode())
        ended = await end_of(process)
    finally:
        os.close(ours)
        os.close(its)
    assert "Delete 1 sessions, 0 denials and 0 numbers of seats from before 2021-01-01" in ended.err
    assert ended.code == code
    assert users_in(file) == stay


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ((), "how old? Give either --older-than or --before"),
        (("--older-than", "400d", "--before", "2021-01-01"), "how old? Give either --older-than or --before"),
        (("--older-than", "400m"), "--older-than: at least 1d"),
        (("--older-than", "400"), "'400': write it like 30d, 12h or 90m"),
        (("--before", "last year"), "'last year': write it like 2026-01-31 or 2026-01-31T12:00Z"),
        (("--before", "2999-01-01"), "--before 2999-01-01 00:00:00 UTC: that is still to come"),
    ],
)
async def test_prune_says_what_is_wrong_with_its_words(
    rlm_ha: CommandLine, file: Path, words: tuple[str, ...], advice: str
) -> None:
    ended = await rlm_ha.run("db", "prune", *words, "--yes", "--store", f"sqlite:///{file}")
    assert ended.code == 2
    assert advice in ended.err


async def test_prune_of_a_database_without_tables_says_what_to_do(
    rlm_ha: CommandLine, tmp_path: Path
) -> None:
    ended = await rlm_ha.run(
        "db", "prune", "--before", "2021-01-01", "--yes", "--store", f"sqlite:///{tmp_path / 'empty.db'}"
    )
    assert ended.code == 1
    assert "the database is empty" in ended.err
    assert "rlm-ha db upgrade" in ended.err
