"""The manual page says what the commands say."""

import re
from pathlib import Path

import pytest

from dev.man_page import VARIABLES, man_page, prose, roff
from tests.cli.test_program import LEAVES
from tests.render.judges import run

ROOT = Path(__file__).parents[2]
PAGE = man_page(version="1.2.3", date="2026-11-26")
HIDDEN = ("license server ", "licenses deploy", "licenses status", "license-servers update-health")


@pytest.mark.parametrize("name", [name for name, _ in LEAVES])
def test_every_command_that_is_shown_has_its_section(name: str) -> None:
    heading = f'.SS "{roff(f"rlm-ha {name}")}"'
    assert (heading in PAGE.splitlines()) is not name.startswith(HIDDEN)


def test_mandoc_has_nothing_against_it(tmp_path: Path) -> None:
    path = tmp_path / "rlm-ha.1"
    path.write_text(PAGE)
    done = run("mandoc", "-Tlint", path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    path.write_text(PAGE.replace(".SH COMMANDS", ".SHH COMMANDS"))
    assert "SHH" in run("mandoc", "-Tlint", path).stdout


def test_a_reader_sees_options_and_examples_as_they_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "rlm-ha.1"
    path.write_text(PAGE)
    shown = re.sub(".\b", "", run("mandoc", "-Tutf8", "-O", "width=200", path).stdout)
    assert "--config PATH" in shown
    assert "rlm-ha serve --config rlm-ha-cluster.yaml\n" in shown
    assert "rlm-ha-exporter 1.2.3" in shown


def test_it_names_every_variable_that_the_program_reads() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "rlm_exporter").rglob("*.py"))
    read = set(re.findall(r"(?<![_A-Z])RLM_HA_[A-Z_]+", sources))
    assert read == {name for name in VARIABLES if name.startswith("RLM_HA_")}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (".hidden file", [r"\&.hidden file"]),
        ("'quoted'", [r"\&'quoted'"]),
        (r"a\b --c", [r"a\eb \-\-c"]),
        ("one\ntwo\n\nthree", ["one two", ".PP", "three"]),
        ("\b\nExample:\n  rlm-ha x", [".nf", "Example:", r"  rlm\-ha x", ".fi"]),
    ],
)
def test_text_means_itself(text: str, lines: list[str]) -> None:
    assert prose(text) == lines
