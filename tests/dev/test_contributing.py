"""Every dependency has its reason in CONTRIBUTING.md, and its pin in the lock."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def plain(requirement: str) -> str:
    """Return the name in a requirement, in the one form that a lock uses."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(r for extra in project["project"].get("optional-dependencies", {}).values() for r in extra),
        *(r for group in project["dependency-groups"].values() for r in group),
    ]
    return {plain(requirement) for requirement in requirements}


def test_every_dependency_has_its_reason() -> None:
    rows = re.findall(r"^\| `([^`| ]+)` \| (\S.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert {plain(name) for name, _reason in rows} == declared()


def test_every_dependency_is_locked() -> None:
    locked = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert declared() <= set(locked)
