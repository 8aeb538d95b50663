"""A system in a folder, started as a machine starts: systemd is its first process, and it has no network.

What packages do with services cannot be seen in a chroot, where nothing runs.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.steps import SetupError, say

BOOT_LIMIT = 120.0
COMMAND_LIMIT = 300.0
MOUNTS = Path("/proc/self/mounts")
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")

# $1 is the system's root. Units that have mounts of their own need a root that is itself a mount, which
# pivot_root makes of it.
BOOT = """\
set -e
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev; do
    mount -t tmpfs tmpfs "$root/$folder"
done
for name in null zero full random urandom tty; do
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
cd "$root"
pivot_root . .
umount -l .
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=null
"""


class Machine:
    """A system that runs."""

    def __init__(self, init: int) -> None:
        self._init = init

    def run(self, command: str, *, code: int = 0) -> str:
        """What a shell command prints in there; raises SetupError where it ends with another exit code."""
        done = self._enter(["sh", "-c", command])
        if done.returncode != code:
            raise SetupError(f"{command}\nended with {done.returncode}, not {code}:\n{done.stdout.strip()}")
        return done.stdout.strip()

    def state(self) -> str:
        """How far systemd has come."""
        return self._enter(["systemctl", "is-system-running"]).stdout.strip()

    def _enter(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", f"--target={self._init}", *NAMESPACES, "env", "-i", *ENVIRONMENT, *command]
        return subprocess.run(
            inside,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_LIMIT,
            check=False,
        )


ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "HOME=/root",
)


@contextmanager
def booted(root: Path) -> Iterator[Machine]:
    """Start the system, and end it with all that runs in it."""
    group = control_groups() / f"rlm-ha-trial-{time.monotonic_ns()}"
    group.mkdir()
    first = 'echo $$ >"$0/cgroup.procs" && exec unshare --fork --kill-child "$@"'
    command = ["sh", "-c", first, str(group), *NAMESPACES, "sh", "-c", BOOT, "boot", str(root)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield wait_until_it_runs(process)
    finally:
        process.kill()
        process.wait()
        remove_group(group)


def wait_until_it_runs(process: "subprocess.Popen[bytes]") -> Machine:
    """The machine, once its services are started."""
    deadline = time.monotonic() + BOOT_LIMIT
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    state = "nothing"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            found = children.read_text(encoding="ascii").split()
        except OSError:
            found = []
        if found:
            machine = Machine(int(found[0]))
            state = machine.state()
            if state in {"running", "degraded"}:
                return machine
        time.sleep(0.5)
    raise SetupError(f"systemd does not start in there; it has come to: {state}")


def control_groups() -> Path:
    """Where this machine has control groups of version 2."""
    for line in MOUNTS.read_text(encoding="utf-8").splitlines():
        _, folder, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(folder)
    raise SetupError("This machine has no control groups of version 2, which systemd needs.")


def remove_group(group: Path) -> None:
    """Remove the control group and those in it, once their processes are gone."""
    for _ in range(50):
        try:
            for below in sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True):
                below.rmdir()
            group.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return
    say(f"{group} could not be removed; its processes did not end")
