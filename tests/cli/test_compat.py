"""`compat install` as users run it, and the script that it writes."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from rlm_exporter.cli import build_program
from rlm_exporter.cli.compat import NOUNS, commands_of
from tests.cli.command import ROOT, CommandLine, environment

PAGE = (
    *("license-servers deploy", "license-servers status", "license server deploy", "license server status"),
    *("licenses primary", "licenses failover", "licenses monitor", "licenses update-health"),
    *("licenses export", "licenses config", "licenses optimize", "licenses deploy", "licenses status"),
    *("cluster config update", "alerts send"),
)
"""What the manual's page calls, and the aliases of it."""


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "bin"
    path.mkdir()
    return path


def test_it_takes_what_the_page_calls_and_nothing_of_other_nouns() -> None:
    taken = [" ".join(words) for words in commands_of(build_program())]
    assert set(PAGE) <= set(taken)
    nouns = tuple(" ".join(noun) for noun in NOUNS)
    assert [words for words in taken if not words.startswith(tuple(f"{noun} " for noun in nouns))] == []
    documented = (ROOT / "docs" / "page-scripts.md").read_text(encoding="utf-8")
    assert [noun for noun in nouns if f"`{noun}`" not in documented] == []


async def test_the_script_reaches_this_program(folder: Path, rlm_ha: CommandLine) -> None:
    installed = await rlm_ha.run("compat", "install", "--dir", str(folder))
    assert (installed.code, installed.out) == (0, "")
    assert f"{folder}/vantage is written" in installed.err
    assert f"{folder} is not on PATH" in installed.err
    process = await asyncio.create_subprocess_exec(
        str(folder / "vantage"),
        *("licenses", "primary", "site"),
        stderr=subprocess.PIPE,
        env=environment(rlm_ha.home, {"RLM_HA_URL": "http://127.0.0.1:1"}),
    )
    _, err = await process.communicate()
    assert (process.returncode, b"no answer from the daemon at http://127.0.0.1:1" in err) == (5, True)


async def test_it_replaces_its_own_file_and_no_other(folder: Path, rlm_ha: CommandLine) -> None:
    path = folder / "vantage"
    words = ("compat", "install", "--dir", str(folder))
    for _ in range(2):
        assert (await rlm_ha.run(*words)).code == 0
    assert path.stat().st_mode & 0o777 == 0o755

    changed = path.read_text(encoding="utf-8") + "# mine\n"
    for foreign in (changed.encode(), b"\x7fELF\xff", b""):
        path.write_bytes(foreign)
        refused = await rlm_ha.run(*words)
        assert (refused.code, content(folder)) == (4, {"vantage": foreign})
        assert f"{path} is not as this command writes it" in refused.err


async def test_it_follows_no_link(folder: Path, tmp_path: Path, rlm_ha: CommandLine) -> None:
    (folder / "vantage").symlink_to(tmp_path / "elsewhere")
    assert (await rlm_ha.run("compat", "install", "--dir", str(folder))).code == 4
    assert not (tmp_path / "elsewhere").exists()


async def test_it_says_when_scripts_will_find_another_first(
    folder: Path, tmp_path: Path, rlm_ha: CommandLine
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "vantage").write_text("#!/bin/sh\n")
    (other / "vantage").chmod(0o755)
    words = ("compat", "install", "--dir", str(folder))
    second = await rlm_ha.run(*words, PATH=f"{other}:{folder}:{os.environ['PATH']}")
    assert f"{other}/vantage comes before it on PATH" in second.err
    first = await rlm_ha.run(*words, PATH=f"{folder}:{other}:{os.environ['PATH']}")
    assert (first.code, first.err) == (0, f"{folder}/vantage is written\n")


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path, rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("compat", "install", "--dir", str(tmp_path / "nowhere"))
    assert (ended.code, "does not exist" in ended.err) == (2, True)
