"""License files on a mount whose file server stops answering: a real one, by FUSE, in a namespace of its own.

A process that waits for it hangs in the kernel until the server is back, and cannot even be killed meanwhile.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.sshd import HOST, LOGIN, Sshd

pytestmark = pytest.mark.row(27)

LICENSE = b"HOST rlm1 ANY 5053\nISV siemens\nLICENSE siemens STARCCM 1.0 permanent 20 sig=abc\n"
HEALTHY = {
    "doctor": "1 files on fuse.sshfs",
    "checks": "1 licenses",
    "sync": "1 files",
    "backup": "1 files, 0",
}
STALE = {
    "doctor": "no answer within 4 s",
    "checks": "not read within 1 s; is it on a dead NFS?",
    "sync": "no answer within 1 s; is it on a dead NFS?",
    "backup": "no end within 1 s; is a file system there stale, or the machine down?",
}
MACHINE = 3.0
"""Seconds that a busy machine may add: doctor's own limit is 4 s, and a program has to be killed then."""


def apart() -> list[str]:
    """A program's own mounts, which end with it."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--mount", "--pid", "--fork", "--kill-child"]


def why_none() -> str | None:
    """The reason why nothing can be mounted here; None where it can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "there is no /dev/fuse for us"
    ended = subprocess.run([*apart(), "true"], capture_output=True, text=True, check=False)
    return None if ended.returncode == 0 else f"no mounts of our own: {ended.stderr.strip()}"


class Mounted:
    """The program that has mounted it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._line() == "ready\n"

    def _line(self) -> str:
        return _of(self._process.stdout).readline()

    def ask(self, part: str) -> tuple[str, float]:
        """What that part is told, and after how many seconds."""
        stdin = _of(self._process.stdin)
        stdin.write(f"{part}\n")
        stdin.flush()
        answer = json.loads(self._line())
        return answer["told"], answer["seconds"]


def _of(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    reason = why_none()
    if reason is not None:
        pytest.skip(reason)
    with Sshd() as made:
        made.use(monkeypatch)
        (made.home / "licenses").mkdir()
        (made.home / "licenses" / "siemens.lic").write_bytes(LICENSE)
        made.own(made.home)
        yield made


@pytest.fixture
def mounted(server: Sshd, tmp_path: Path) -> Iterator[Mounted]:
    (tmp_path / "licenses").mkdir()
    process = subprocess.Popen(
        [
            *apart(),
            *(sys.executable, "-m", "tests.doctor.on_a_mount"),
            *(f"{LOGIN}@{HOST}:licenses", str(tmp_path / "licenses")),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield Mounted(process)
        finally:
            process.kill()


def test_nobody_waits_longer_for_a_mount_that_does_not_answer_than_5_s(
    server: Sshd, mounted: Mounted
) -> None:
    assert {part: mounted.ask(part)[0] for part in HEALTHY} == HEALTHY
    with server.frozen():
        for part, words in STALE.items():
            told, seconds = mounted.ask(part)
            assert words in told
            assert seconds < 5 + MACHINE
    assert {part: mounted.ask(part)[0] for part in HEALTHY} == HEALTHY
