"""Telling what is done, running a program, and stopping with a sentence for a person."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

LONGEST_STEP = 1800  # seconds; a slow line needs minutes for 100 MB, and no step may hang for ever
LINES_SHOWN = 20


class SetupError(Exception):
    """What is wrong and what to do about it."""


def say(line: str) -> None:
    """Print one line at once, also into a pipe."""
    print(line, flush=True)


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a program without input and return what it printed; raise its last lines when it fails."""
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LONGEST_STEP,
            check=False,
        )
    except OSError as error:
        raise SetupError(f"{command[0]} does not start: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{command[0]} did not end within {LONGEST_STEP} s") from error
    if done.returncode != 0:
        last_lines = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-LINES_SHOWN:])
        raise SetupError(f"{Path(command[0]).name} ended with {done.returncode}:\n{last_lines}")
    return done.stdout


def read_or_empty(path: Path) -> str:
    """Return the text of a file, or nothing where there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def remove(path: Path) -> None:
    """Remove a folder or a file, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
