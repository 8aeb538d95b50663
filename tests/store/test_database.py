"""Which database an address names."""

from pathlib import Path

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.store.database import database_at, is_shared
from tests.store.situations import url_of


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "mysql://rlm:secret@db/rlm",
            "mysql is not known; give sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        ),
        ("journal.db", "is not a URL; give sqlite:///PATH or postgresql://USER@HOST/DATABASE"),
        ("postgresql://rlm:secret@db:port/rlm", "is not a URL"),
        ("postgresql://rlm:secret@db", "no database is named"),
        ("postgresql://rlm@db?password=secret", "no database is named"),
        ("postgresql://rlm:an@secret@db/rlm", "is not a URL"),
        ("mysql://rlm@db/rlm?password=secret", "is not known"),
        ("sqlite:////var/lib/journal.db?password=secret", "a plain file is needed"),
        ("sqlite://", "a plain file is needed"),
        ("sqlite:///:memory:", "a plain file is needed"),
        ("sqlite:////var/lib/journal.db?mode=ro", "a plain file is needed"),
    ],
)
def test_refuses_what_names_no_database_of_ours(url: str, said: str) -> None:
    with pytest.raises(JournalError, match=said) as raised:
        database_at(url)
    assert "secret" not in str(raised.value)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with pytest.raises(JournalError) as raised:
        database_at(url_of(folder / "journal.db"))
    assert str(raised.value) == (
        f"journal {folder}/journal.db: there is no directory {folder} that this user can enter; create it"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:secret@db/rlm",
        "postgres://ann:secret@db/rlm",
        "postgresql+psycopg://ann:secret@db/rlm",
    ],
)
def test_a_server_is_named_without_the_password(url: str) -> None:
    database = database_at(url)
    assert database.name == "postgresql://ann:***@db/rlm"
    assert database.is_shared
    assert is_shared(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://ann@db/rlm?password=secret&sslpassword=secret", "postgresql://ann@db/rlm"),
        (
            "postgresql:///rlm?host=%2Frun%2Fpg&port=5433&passfile=secret",
            "postgresql:///rlm?host=%2Frun%2Fpg&port=5433",
        ),
    ],
)
def test_of_a_servers_query_only_the_place_is_named(url: str, name: str) -> None:
    assert database_at(url).name == name


def test_a_file_is_nobody_elses(path: Path) -> None:
    database = database_at(url_of(path))
    assert database.name == str(path)
    assert not database.is_shared
    assert not is_shared(url_of(path))
