"""A machine of its own for a test: its own files, network and processes, and nothing of it outside.

Scripts as sites have them name hosts, ports and paths that are not ours to use: /opt, /etc/hosts, /var/log,
port 5053. `Machine` shows a program all that this machine has, with other files in those places, on a network
of its own. What it writes there is gone with it, and so is every process.

The second half of this file is the program that such a machine begins with: `python page_machine.py ROOT
FILES`. It needs nothing but Python, and stays until its standard input ends.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SPACES = ("--mount", "--net", "--pid")
START_LIMIT = 20.0
OWN_FOLDERS = (Path("/etc"), Path("/opt"), Path("/var"), Path("/var/log"))
"""Beside the root itself, the folders that may hold other files than this machine's."""

_MS_BIND, _MS_REC = 4096, 16384
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1


def why_none() -> str | None:
    """The reason why there can be no such machine here; None where there can."""
    ended = subprocess.run([*_apart(), "true"], capture_output=True, text=True, check=False)
    return None if ended.returncode == 0 else f"no namespaces of our own: {ended.stderr.strip()}"


def _apart() -> tuple[str, ...]:
    # The first process there dies with `unshare`, and every other with the first.
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    # Where no mount is shared with anybody none has to be made private, which cannot be done in a chroot.
    is_shared = " shared:" in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    propagation = f"--propagation={'private' if is_shared else 'unchanged'}"
    return ("unshare", *as_root, *SPACES, propagation, "--fork", "--kill-child")


class Machine:
    """As a context manager; all below `files` stands at the same place below the machine's root."""

    def __init__(self, *, root: Path, files: Path) -> None:
        """`root` is an empty folder to put the machine's root on."""
        self._root = root
        self._files = files
        self._process: subprocess.Popen[str] | None = None
        self.pid = 0
        """Of its first process, as seen from here."""

    def __enter__(self) -> Self:
        # Isolated: what the tests' environment says about Python is not meant for it.
        first = [sys.executable, "-I", "-S", __file__, str(self._root), str(self._files)]
        self._process = subprocess.Popen(
            [*_apart(), *first],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("ready "), f"the machine has not started: {said!r}"
        self.pid = int(said.split()[1])
        return self

    def command(self, *words: str, folder: Path) -> list[str]:
        """What to run here so that `words` run there, in `folder`."""
        user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return ["nsenter", "--target", str(self.pid), *user, *SPACES, "--root", "--",
                "env", f"--chdir={folder}", *words]  # fmt: skip

    def path(self, path: str) -> Path:
        """Where a file of the machine is to be found from here."""
        return Path(f"/proc/{self.pid}/root{path}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        # With its first process all others end; the kernel sees to that before this one can be waited for.
        self._process.communicate()


def _begin(root: Path, files: Path) -> None:
    _mount(b"tmpfs", root, b"tmpfs", 0)
    _mirror(Path("/"), root, files)
    shutil.copytree(files, root, symlinks=True, dirs_exist_ok=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        fcntl.ioctl(loopback, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))
    # Nobody waits for orphans but us.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # /proc is that of the outside, and so is the number of this process in it.
    outside = Path("/proc/self").readlink()
    os.chroot(root)
    os.chdir("/")
    sys.stdout.write(f"ready {outside}\n")
    sys.stdout.flush()
    sys.stdin.read()


def _mirror(source: Path, target: Path, files: Path) -> None:
    """Show at `target` what is at `source`, except what `files` has instead."""
    for entry in source.iterdir():
        place = target / entry.name
        if entry in OWN_FOLDERS:
            place.mkdir()
            _mirror(entry, place, files)
        elif (files / entry.relative_to("/")).exists():
            continue
        elif entry.is_symlink():
            place.symlink_to(entry.readlink())
        elif entry.is_dir():
            place.mkdir()
            _mount(bytes(entry), place, None, _MS_BIND | _MS_REC)
        elif entry.is_file():
            place.touch()
            _mount(bytes(entry), place, None, _MS_BIND | _MS_REC)


def _mount(source: bytes, target: Path, kind: bytes | None, flags: int) -> None:
    if ctypes.CDLL(None, use_errno=True).mount(source, bytes(target), kind, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"{source!r} cannot be mounted on {target}")


def main(arguments: Sequence[str]) -> None:
    """Be the first process of such a machine."""
    _begin(Path(arguments[0]), Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
