from collections.abc import Callable
from pathlib import Path

import pytest

from rlm_exporter.cli.connection import Connection, choose_connection
from rlm_exporter.errors import ApiError

Write = Callable[[str], Path]
SECRET = "s3cret-token"


@pytest.fixture
def profiles(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "profiles.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def choose(path: Path, *, url: str | None = None, profile: str | None = None, **environ: str) -> Connection:
    return choose_connection(url=url, profile=profile, environ=environ, profiles=path)


def refusal(path: Path, *, url: str | None = None, profile: str | None = None, **environ: str) -> str:
    with pytest.raises(ApiError) as error:
        choose(path, url=url, profile=profile, **environ)
    assert error.value.exit_code == 2
    return str(error.value)


def test_without_anything_the_daemon_is_on_this_machine(tmp_path: Path) -> None:
    assert choose(tmp_path / "none.toml") == Connection(url="http://127.0.0.1:10053")


def test_the_flag_wins_over_the_variable_and_the_variable_over_the_profile(profiles: Write) -> None:
    path = profiles('[default]\nurl = "http://profile:1"\n[other]\nurl = "http://other:1/"\n')
    assert choose(path, url="http://flag:1/", RLM_HA_URL="http://variable:1").url == "http://flag:1"
    assert choose(path, profile="other", RLM_HA_URL="http://variable:1").url == "http://variable:1"
    assert choose(path, profile="other").url == "http://other:1"
    assert choose(path, RLM_HA_URL="").url == "http://profile:1"


def test_a_token_comes_from_the_variable_then_its_file_then_the_profile(
    profiles: Write, tmp_path: Path
) -> None:
    (tmp_path / "a.token").write_text("from-a\n")
    (tmp_path / "b.token").write_text("  from-b  \n")
    path = profiles('[default]\ntoken_file = "b.token"\n')
    a = str(tmp_path / "a.token")
    assert choose(path, RLM_HA_TOKEN=SECRET, RLM_HA_TOKEN_FILE=a).token == SECRET
    assert choose(path, RLM_HA_TOKEN_FILE=a).token == "from-a"
    assert choose(path).token == "from-b"


def test_a_profiles_token_goes_to_the_profiles_own_address_alone(profiles: Write, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(SECRET)
    path = profiles('[prod]\nurl = "https://prod:10053"\ntoken_file = "t"\n')
    assert choose(path, profile="prod").token == SECRET
    assert choose(path, profile="prod", url="https://prod:10053/").token == SECRET
    assert choose(path, profile="prod", url="https://elsewhere:10053").token is None
    assert choose(path, profile="prod", RLM_HA_URL="https://elsewhere:10053").token is None


def test_a_token_is_not_in_the_text_of_a_connection() -> None:
    assert SECRET not in repr(Connection(url="http://x:1", token=SECRET))


@pytest.mark.parametrize("text", [f"{SECRET} two", f"{SECRET}\nsecond", f"{SECRET}\x00", f"{SECRET}ü", " "])
def test_what_cannot_be_a_token_is_refused_and_not_printed(text: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    for said in (
        refusal(tmp_path / "none.toml", RLM_HA_TOKEN_FILE=str(file)),
        refusal(tmp_path / "none.toml", RLM_HA_TOKEN=text),
    ):
        assert "not a token" in said
        assert SECRET not in said


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert refusal(tmp_path / "none.toml", RLM_HA_TOKEN_FILE=missing) == (
        f"{missing}: the token cannot be read: No such file or directory"
    )
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "not a token" in refusal(tmp_path / "none.toml", RLM_HA_TOKEN_FILE=str(tmp_path / "binary"))


def test_an_unknown_profile_is_refused_with_those_that_are_known(profiles: Write, tmp_path: Path) -> None:
    path = profiles('[prod]\nurl = "http://p:1"\n[test]\nurl = "http://t:1"\n')
    assert refusal(path, profile="prd") == f"{path}: no profile [prd]; known profiles: prod, test"
    assert "known profiles: none" in refusal(tmp_path / "none.toml", profile="prd")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[default]\nuri = 'x'\n", "[default] uri: unknown; a profile has url and token_file"),
        ("[default]\nurl = 5\n", '[default] url: write it as text: url = "VALUE"'),
        ("[default\n", "line 1"),
        ("default = 3\n", "no profile [default]"),
    ],
)
def test_a_broken_profile_is_refused_with_its_place(text: str, sentence: str, profiles: Write) -> None:
    path = profiles(text)
    said = refusal(path)
    assert said.startswith(f"{path}: ")
    assert sentence in said


@pytest.mark.parametrize(
    "url", ["127.0.0.1:10053", "ftp://x", "http://", "http://x:port", "http://[::1", "x"]
)
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    assert "is not an address of a daemon" in refusal(tmp_path / "none.toml", url=url)


def test_a_secret_inside_an_address_is_refused_and_not_printed(tmp_path: Path) -> None:
    said = refusal(tmp_path / "none.toml", url=f"http://user:{SECRET}@x:1")
    assert SECRET not in said
    assert "RLM_HA_TOKEN_FILE" in said
