"""`rlm-ha db`, as somebody runs it who sets a database up."""

from pathlib import Path

from tests.cli.command import CommandLine
from tests.postgresql import PASSWORD, PostgresqlServer, ask


async def test_upgrade_makes_the_tables_and_may_be_repeated(
    rlm_ha: CommandLine, postgresql: PostgresqlServer
) -> None:
    url = postgresql.new_database()
    first = await rlm_ha.run("db", "upgrade", "--store", url)
    again = await rlm_ha.run("db", "upgrade", RLM_HA_STORE=url)
    name = url.replace(PASSWORD, "***")
    assert (first.code, first.out) == (0, f"{name}: no tables, now schema 0004\n")
    assert (again.code, again.out) == (0, f"{name}: already schema 0004\n")
    assert ask(url, "SELECT count(*) FROM cluster") == [(0,)]
    postgresql.drop_database(url)


async def test_upgrade_takes_the_database_of_a_configuration(rlm_ha: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    config = tmp_path / "config.yaml"
    config.write_text(f"apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {{store: 'sqlite:///{path}'}}\n")
    ended = await rlm_ha.run("db", "upgrade", "--config", str(config))
    assert (ended.code, ended.out) == (0, f"{path}: no tables, now schema 0004\n")


async def test_upgrade_says_which_words_are_missing(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("db", "upgrade")
    assert ended.code == 2
    assert "which database? Give --store, RLM_HA_STORE, or --config" in ended.err


async def test_a_database_that_cannot_be_reached_is_an_error_in_words(
    rlm_ha: CommandLine, postgresql: PostgresqlServer
) -> None:
    ended = await rlm_ha.run("db", "upgrade", "--store", postgresql.url(port=1))
    assert ended.code == 1
    assert "it cannot be reached; is it running" in ended.err
    assert PASSWORD not in ended.err
