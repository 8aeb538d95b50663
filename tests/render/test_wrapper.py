"""The script is run by the shells that there are, with programs that tell how they were called."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rlm_exporter.render.wrapper import is_wrapper, wrapper_script

SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
COMMANDS = (("licenses", "primary"), ("cluster", "config", "update"))


def tell(path: Path, who: str) -> Path:
    """A program that prints its name and each of its arguments on a line."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' {who} \"$@\"\n")
    path.chmod(0o755)
    return path


def wrap(folder: Path, program: Path) -> Path:
    path = folder / "vantage"
    folder.mkdir(exist_ok=True)
    path.write_text(wrapper_script(name="vantage", program=(str(program),), commands=COMMANDS))
    path.chmod(0o755)
    return path


def call(
    path: Path, *words: str, folders: tuple[Path, ...] = (), shell: str = "sh"
) -> subprocess.CompletedProcess[str]:
    runs = ["busybox", "sh"] if shell == "busybox" else [shell]
    return subprocess.run(
        [*runs, str(path), *words],
        env={"PATH": ":".join([*map(str, folders), "/usr/bin", "/bin"])},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "who"),
    [
        (("licenses", "primary", "a b", "*", ""), "ours"),
        (("licenses", "primary"), "ours"),
        (("-j", "licenses", "--profile", "prod", "primary", "x"), "ours"),
        (("--format=json", "licenses", "-o", "json", "primary", "x"), "ours"),
        (("cluster", "config", "update", "--license-servers", "5053@lb"), "ours"),
        (("cluster", "config"), "theirs"),
        (("cluster", "list", "a b", "*", ""), "theirs"),
        (("licenses", "primaryx"), "theirs"),
        (("apps", "licenses", "primary"), "theirs"),
        (("--region", "licenses", "primary"), "theirs"),
        (("licenses", "--", "primary"), "theirs"),
        (("--help",), "theirs"),
        ((), "theirs"),
    ],
)
def test_each_call_reaches_its_program_with_all_its_words(
    words: tuple[str, ...], who: str, shell: str, tmp_path: Path
) -> None:
    path = wrap(tmp_path / "first", tell(tmp_path / "we" / "rlm-ha", "ours"))
    theirs = tell(tmp_path / "second" / "vantage", "theirs").parent
    ended = call(path, *words, folders=(path.parent, theirs), shell=shell)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split("\n")[:-1] == [who, *words]


def test_other_wrappers_folders_and_what_cannot_run_are_passed_over(tmp_path: Path) -> None:
    ours = tell(tmp_path / "we" / "rlm-ha", "ours")
    one, two = wrap(tmp_path / "one", ours), wrap(tmp_path / "two", ours)
    (tmp_path / "three" / "vantage").mkdir(parents=True)
    tell(tmp_path / "four" / "vantage", "not executable").chmod(0o644)
    binary = tmp_path / "five" / "vantage"
    binary.parent.mkdir()
    binary.symlink_to(shutil.which("echo") or "")
    folders = tuple(tmp_path / name for name in ("one", "two", "one", "three", "four", "five"))
    for path in (one, two):
        ended = call(path, "cluster", "list", folders=folders)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "cluster list\n", "")


def test_without_another_program_it_says_what_is_missing(tmp_path: Path) -> None:
    path = wrap(tmp_path / "first", tell(tmp_path / "we" / "rlm-ha", "ours"))
    ended = call(path, "cluster", "list", folders=(path.parent,))
    assert ended.returncode == 127
    assert 'rlm-ha has no command "cluster list", and there is no other vantage on PATH' in ended.stderr


def test_it_says_when_our_program_has_gone(tmp_path: Path) -> None:
    program = tmp_path / "it's gone" / "rlm-ha"
    ended = call(wrap(tmp_path / "first", program), "licenses", "primary", "x")
    assert ended.returncode == 127
    assert ended.stderr == f"vantage: there is no {program} any more; run `rlm-ha compat install` again\n"


def test_a_script_is_known_as_ours_until_somebody_changes_it() -> None:
    script = wrapper_script(name="vantage", program=("/usr/bin/rlm-ha",), commands=COMMANDS)
    assert is_wrapper(script)
    assert not is_wrapper(script + "echo more\n")
    assert not is_wrapper(script.replace("primary", "secondary"))
    assert not is_wrapper("#!/bin/sh\nexec real-vantage\n")
