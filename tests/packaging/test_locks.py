"""The locks of an installation are parts of the one lock."""

import tomllib
from pathlib import Path

from dev.python_packages import BUILD_LOCK, LOCK, RUN_LOCK, build_requirements, locked, part_of
from tests.dev.test_contributing import plain

ROOT = Path(__file__).parents[2]
WHOLE = (ROOT / LOCK).read_text()


def test_they_are_in_step_with_it() -> None:
    for name in (RUN_LOCK, BUILD_LOCK):
        part = (ROOT / name).read_text()
        assert part == part_of(WHOLE, part)


def test_they_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["postgresql"]]
    run_lock, build_lock = ((ROOT / name).read_text().splitlines() for name in (RUN_LOCK, BUILD_LOCK))
    assert [each for each in asked if not pinned(run_lock, plain(each))] == []
    assert [each for each in build_requirements(ROOT) if not pinned(build_lock, plain(each))] == []
    assert not pinned(run_lock, "pytest")


def pinned(lines: list[str], name: str) -> bool:
    return any(line.startswith(f"{name}==") for line in lines)


def test_a_part_has_the_pins_and_hashes_of_the_whole() -> None:
    chosen = part_of(WHOLE, "click==0\n    # a comment\nyarl==0\n")
    assert chosen.splitlines()[1:] == (locked(WHOLE, "click") + locked(WHOLE, "yarl")).splitlines()
