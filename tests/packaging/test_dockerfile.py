"""What the Dockerfile promises; `make test-image` carries it out."""

import json
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from rlm_exporter.cli import build_program

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
INSTRUCTIONS = [
    (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in TEXT.splitlines() if line)
]
LAST = INSTRUCTIONS[max(number for number, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]


def told(word: str) -> str:
    """The one instruction of the last stage."""
    [rest] = [rest for each, rest in LAST if each == word]
    return rest


def test_it_is_not_root_and_says_so_by_a_number() -> None:
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", told("USER"))


def test_the_last_stage_installs_nothing() -> None:
    steps = " ".join(rest for word, rest in LAST if word == "RUN")
    assert not re.search(r"\b(pip|apt|apt-get|curl|make|gcc)\b", steps)
    assert any(rest.startswith("--from=build ") for word, rest in LAST if word == "COPY")


def test_the_program_is_started_and_asked_without_a_shell() -> None:
    entry, command = json.loads(told("ENTRYPOINT")), json.loads(told("CMD"))
    health = json.loads(told("HEALTHCHECK").partition("CMD ")[2])
    assert entry == ["rlm-ha"]
    for words in (command, health[1:]):
        context = build_program().make_context("rlm-ha", list(words))
        name, found, rest = build_program().resolve_command(context, list(words))
        assert found is not None
        found.make_context(name, rest)
    assert health[0] == "rlm-ha"


def test_what_it_writes_is_a_volume() -> None:
    command = json.loads(told("CMD"))
    assert json.loads(told("VOLUME")) == [command[command.index("--state-dir") + 1]] == [told("WORKDIR")]


def test_every_package_is_installed_by_its_hash() -> None:
    installs = re.findall(r"pip [^&]*install [^&]*", TEXT)
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install


def test_no_argument_has_a_blank_too_many() -> None:
    for word, rest in INSTRUCTIONS:
        if word == "RUN":
            assert all(shlex.split(part) for part in rest.split("&&"))


def test_all_that_is_copied_is_let_in_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        word
        for each, rest in INSTRUCTIONS
        if each == "COPY" and "--from" not in rest
        for word in rest.split()[:-1]
    } - {"."}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    made_of = {
        *wheel["packages"],
        *wheel["force-include"],
        project["project"]["readme"],
        "LICENSE",
        "pyproject.toml",
    }
    assert allowed == copied | made_of
    assert "*" in lines
    assert not any(fnmatch(".git", pattern) for pattern in allowed)
