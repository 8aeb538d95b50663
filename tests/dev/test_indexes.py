"""uv takes packages from where pip would on this machine."""

from pathlib import Path

import pytest

from dev.indexes import caches, index_settings

PIP_CONF = """\
[global]
index-url = https://packages.example/simple
[install]
extra-index-url =
    https://one.example/simple
    https://two.example/simple
"""


@pytest.fixture
def pip_conf(tmp_path: Path) -> Path:
    path = tmp_path / "pip.conf"
    path.write_text(PIP_CONF)
    return path


def test_tells_uv_what_pip_was_told(pip_conf: Path) -> None:
    assert index_settings({}, pip_files=[pip_conf], uv_files=[]) == {
        "UV_SYSTEM_CERTS": "1",
        "UV_DEFAULT_INDEX": "https://packages.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_a_variable_wins_over_a_file(pip_conf: Path) -> None:
    environ = {"PIP_INDEX_URL": "https://other.example/simple"}
    settings = index_settings(environ, pip_files=[pip_conf], uv_files=[])
    assert settings["UV_DEFAULT_INDEX"] == "https://other.example/simple"


def test_leaves_uv_its_own_choice(pip_conf: Path, tmp_path: Path) -> None:
    kept = {"UV_SYSTEM_CERTS": "1"}
    by_variable = {"UV_INDEX_URL": "https://uv.example/simple"}
    assert index_settings(by_variable, pip_files=[pip_conf], uv_files=[]) == kept
    uv_toml = tmp_path / "uv.toml"
    uv_toml.touch()
    assert index_settings({}, pip_files=[pip_conf], uv_files=[uv_toml]) == kept


def test_says_nothing_about_indexes_on_a_plain_machine(tmp_path: Path) -> None:
    assert index_settings({}, pip_files=[tmp_path / "absent"], uv_files=[]) == {"UV_SYSTEM_CERTS": "1"}


def test_keeps_caches_in_the_clone_where_there_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    no_home = {"HOME": str(tmp_path / "file" / "home")}
    assert caches(no_home, instead=Path("/clone/.cache")) == {
        "PIP_CACHE_DIR": "/clone/.cache/pip-cache",
        "UV_CACHE_DIR": "/clone/.cache/uv-cache",
    }
    assert caches({"HOME": str(tmp_path)}, instead=Path("/clone/.cache")) == {}
