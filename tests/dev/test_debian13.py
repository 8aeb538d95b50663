"""What is said before a system is made, and what goes into it."""

from pathlib import Path

import pytest

from dev.debian13 import pytest_command
from dev.roots import copy_clone, environment, refuse_where_it_cannot_work
from dev.steps import SetupError, run


def test_says_all_that_is_missing_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError) as refused:
        refuse_where_it_cannot_work(effective_user=1000)
    assert "run it as root" in str(refused.value)
    assert "debootstrap" in str(refused.value)


def test_the_clones_files_are_brought_as_they_are_and_what_was_set_up_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "folder").mkdir(parents=True)
    (source / ".gitignore").write_text("/.venv/\n")
    (source / "folder" / "tracked").write_text("changed")
    (source / "new").write_text("not added yet")
    (source / ".venv").mkdir()
    (source / ".venv" / "mine").write_text("for another Python")
    run(["git", "init", "--quiet", source])
    run(["git", "-C", source, "add", "folder"])
    (target / ".venv").mkdir(parents=True)
    (target / ".venv" / "its").write_text("set up")
    (target / "gone").write_text("removed since")

    copy_clone(source, target)

    found = {str(path.relative_to(target)): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert found == {
        ".gitignore": "/.venv/\n",
        ".venv/its": "set up",
        "folder/tracked": "changed",
        "new": "not added yet",
    }


def test_of_this_machine_only_the_way_to_packages_goes_in(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://index.example.com/simple\nfind-links = /here\n"
    )
    given = {
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "PYTHONPATH": "/elsewhere",
        "RLM_HA_URL": "http://192.0.2.1",
        "https_proxy": "http://192.0.2.2:3128",
    }
    found = environment(given)
    assert found["PIP_INDEX_URL"] == "https://index.example.com/simple"
    assert found["https_proxy"] == "http://192.0.2.2:3128"
    assert found["HOME"] == "/root"
    assert not {"PYTHONPATH", "RLM_HA_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"} & found.keys()


def test_other_tests_may_be_asked_for() -> None:
    asked = "tests/haproxy tests/store tests/dashboards tests/render tests/rules tests/acceptance"
    assert asked in pytest_command([])[-1]
    assert pytest_command(["tests/dev", "-k", "a or b"])[-1].endswith("tests/dev -k 'a or b'")
