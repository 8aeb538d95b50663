"""Runs promtool, amtool and amlint."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
_PLACES = os.pathsep.join(
    (os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent), "/usr/local/sbin", "/usr/sbin")
)


def run(name: str, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """One program from its list of arguments; a program that is missing fails the test."""
    program = shutil.which(name, path=_PLACES)
    assert program is not None, f"{name} is neither on PATH nor in /usr/sbin: `make test` fetches it"
    return subprocess.run(
        [program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=RULES,
    )


def succeeds(name: str, *arguments: str | Path, stdin: str = "") -> str:
    """What the program printed; anything but success fails the test with it."""
    done = run(name, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
