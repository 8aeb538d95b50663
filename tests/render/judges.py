"""Programs that judge what we render; one that is missing fails the test."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_PLACES = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
_TARGETS = ("sysinit", "basic", "shutdown", "network-online", "multi-user")


def run(
    name: str, *arguments: str | Path, variables: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """One program from its list of arguments, to its end."""
    program = shutil.which(name, path=_PLACES)
    assert program is not None, f"{name} is not on PATH: `make setup` brings it"
    return subprocess.run(
        [program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(variables or {})},
    )


def complaints_of_systemd(folder: Path, *units: Path) -> str:
    """What `systemd-analyze verify` says; "" where it is satisfied. Units of the machine take no part."""
    targets = folder / "targets"
    targets.mkdir(exist_ok=True)
    for name in _TARGETS:
        text = f"[Unit]\nDescription={name}\nDefaultDependencies=no\n"
        (targets / f"{name}.target").write_text(text, encoding="utf-8")
    done = run("systemd-analyze", "verify", *units, variables={"SYSTEMD_UNIT_PATH": str(targets)})
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")
