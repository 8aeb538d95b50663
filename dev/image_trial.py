"""Carries out the Dockerfile as it stands, and runs what it makes with a root that nobody can write.

`python3 -m dev.image_trial`, or `make test-image`, as root. buildah does the steps. The image that they begin
with is not fetched: in its place stands a Debian 13 made by debootstrap, with that release's Python, so no
registry is needed. The program is then started as the image says: its user, its command, its health check.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.roots import environment, provide_system, refuse_where_it_cannot_work
from dev.steps import SetupError, run, say

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "image"
SUITE = "trixie"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
NAME = "localhost/rlm-ha-exporter"
UP_LIMIT = 60.0
READ_ONLY_ROOT = "touch: cannot touch '/opt/x': Read-only file system"

# $1 is the image's root, $2 the volume, the rest is a command. Only the volume and /tmp can be written.
READ_ONLY = """\
set -e
root=$1 volume=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev"
for name in null zero random urandom; do
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mount --bind "$volume" "$root/var/lib/rlm-ha"
exec chroot "$root" "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What the image says of how it is run."""

    user: str
    command: tuple[str, ...]
    health: tuple[str, ...]
    environment: tuple[str, ...]
    folder: str

    def confined(self, command: Sequence[str]) -> list[str]:
        """A command as its user, without rights, with its variables and nothing else."""
        user, group = self.user.split(":")
        rights = ("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
        return [
            "setpriv",
            f"--reuid={user}",
            f"--regid={group}",
            *rights,
            "env",
            "-i",
            *self.environment,
            *command,
        ]


def main() -> int:
    """Build, run and look; an exit code."""
    try:
        refuse_where_it_cannot_work(effective_user=os.geteuid())
        if shutil.which("buildah") is None:
            raise SetupError("buildah not found; Debian and Ubuntu have it in a package of that name.")
        store_base(base_image())
        buildah("build", "--isolation=chroot", "--pull-never", "--format=docker", "--tag", NAME, ROOT)
        say("built: every step of the Dockerfile was carried out")
        container = buildah("from", "--pull-never", NAME)
        try:
            look(
                Path(buildah("mount", container)),
                read_image(json.loads(buildah("inspect", "--type=image", NAME))),
            )
        finally:
            buildah("rm", container)
    except (SetupError, OSError, subprocess.TimeoutExpired) as error:
        print(f"test-image: {error}", file=sys.stderr)
        return 1
    say("test-image: all is well")
    return 0


def base_image() -> str:
    """The one image that the Dockerfile begins with."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    [name] = {line.split()[1] for line in lines if line.startswith("FROM ")}
    return name


def store_base(name: str) -> None:
    """Give buildah a Debian of our own by the name of the image, with Python where that has it."""
    system = FOLDER / "base"
    provide_system(system, suite=SUITE, packages=PACKAGES)
    for link in ("python", "python3"):
        (system / "usr/local/bin" / link).unlink(missing_ok=True)
        (system / "usr/local/bin" / link).symlink_to("/usr/bin/python3")
    if buildah("images", "--quiet", "--filter", f"reference={name}"):
        return
    container = buildah("from", "scratch")
    buildah("copy", "--quiet", container, system, "/")
    buildah("commit", "--quiet", container, f"docker.io/library/{name}")
    buildah("rm", container)


def buildah(*arguments: str | Path) -> str:
    """Run it with a store of our own; what it printed."""
    store = ("--storage-driver=vfs", "--root", FOLDER / "store", "--runroot", FOLDER / "run")
    return run(["buildah", *store, *arguments], env=environment(os.environ)).strip()


def read_image(inspected: dict[str, Any]) -> Image:
    """The parts of its configuration by which it is run."""
    said = inspected["Docker"]["config"]
    kind, *health = said["Healthcheck"]["Test"]
    if kind != "CMD":
        raise SetupError(f"the health check is {kind}, which needs a shell")
    return Image(
        user=said["User"],
        command=(*said["Entrypoint"], *said["Cmd"]),
        health=tuple(health),
        environment=tuple(said["Env"]),
        folder=said["WorkingDir"],
    )


def look(root: Path, image: Image) -> None:
    """Run the daemon as the image says, and ask it as its health check does."""
    expect("its user is a number other than root's", int(image.user.split(":")[0]) > 0, True)
    tools = [name for name in ("pip", "pip3", "gcc", "make") if list(root.glob(f"opt/*/bin/{name}"))]
    expect("the last stage brings no tools to build with", tools, [])
    sources = [
        str(path.relative_to(root))
        for path in (root / "src", root / "wheels", root / "build")
        if path.exists()
    ]
    expect("nor what it was built of", sources, [])
    with tempfile.TemporaryDirectory(prefix="rlm-ha-image-") as volume:
        os.chown(volume, *map(int, image.user.split(":")))
        with_a_daemon(root, image, Path(volume))


def with_a_daemon(root: Path, image: Image, volume: Path) -> None:
    """From the start to SIGTERM."""
    inside = ["sh", "-c", READ_ONLY, "run", str(root), str(volume), *image.confined(image.command)]
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL"]
    daemon = subprocess.Popen([*unshare, *inside], stdin=subprocess.DEVNULL)
    try:
        process = wait_for_child(daemon)
        run(within(process, ["ip", "link", "set", "lo", "up"], own_root=False))
        wait_until_healthy(daemon, within(process, image.confined(image.health)))
        expect(
            "its journal is on the volume", [path.name for path in volume.glob("journal.db")], ["journal.db"]
        )
        expect(
            "not even root can write its root", said_of(within(process, ["touch", "/opt/x"])), READ_ONLY_ROOT
        )
        expect("it may write to /tmp", said_of(within(process, image.confined(["mktemp", "--quiet"]))), "")
        os.kill(process, signal.SIGTERM)
        expect("SIGTERM ends it", daemon.wait(timeout=30), 0)
    finally:
        daemon.kill()
        daemon.wait()


def said_of(command: Sequence[str]) -> str:
    """What a command says on stderr."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stderr.strip()


def wait_for_child(parent: "subprocess.Popen[bytes]") -> int:
    """The process that unshare has started."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + UP_LIMIT
    while time.monotonic() < deadline:
        if found := children.read_text(encoding="ascii").split():
            return int(found[0])
        time.sleep(0.05)
    raise SetupError("nothing was started")


def within(process: int, command: Sequence[str], *, own_root: bool = True) -> list[str]:
    """A command beside the process, in its root or in ours."""
    root = ("--mount", "--root") if own_root else ()
    return ["nsenter", f"--target={process}", "--net", *root, *command]


def wait_until_healthy(daemon: "subprocess.Popen[bytes]", health: Sequence[str]) -> None:
    """Ask as the health check does, until it says yes."""
    deadline = time.monotonic() + UP_LIMIT
    while True:
        done = subprocess.run(health, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode == 0:
            say("  its health check says yes")
            return
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise SetupError(f"its health check says no ({done.returncode}): {done.stdout}{done.stderr}")
        time.sleep(0.2)


def expect(claim: str, found: object, wanted: object) -> None:
    """Say what holds; raise SetupError for what does not."""
    if found != wanted:
        raise SetupError(f"It is not so that {claim}: found {found!r}, wanted {wanted!r}")
    say(f"  {claim}")


if __name__ == "__main__":
    sys.exit(main())
