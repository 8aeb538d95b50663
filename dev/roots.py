"""Systems of other releases in folders, made by debootstrap, and how they are entered.

Processes and mounts are the system's own there and end with what was started. The network is this machine's.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.indexes import pip_config_files, pip_options
from dev.steps import SetupError, read_or_empty, remove, run, say

MIRROR = "http://deb.debian.org/debian"
TOOLS = ("debootstrap", "unshare", "chroot", "mount", "git")
CERTIFICATES = Path("usr/local/share/ca-certificates")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
INDEX_OPTIONS = ("index-url", "extra-index-url", "trusted-host")

# $1 is the system's root, $2 the folder in it, the rest is the command. Mounts are seen by nobody else.
ENTER = """\
set -e
root=$1 folder=$2
shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"""


def refuse_where_it_cannot_work(*, effective_user: int) -> None:
    """Say all that is missing, before anything is made."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    problems = []
    if effective_user != 0:
        problems.append("A system of its own is made and entered by root: run it as root, e.g. with sudo.")
    if missing:
        problems.append(
            f"{', '.join(missing)} not found; Debian and Ubuntu have debootstrap in a package of that name."
        )
    if problems:
        raise SetupError("\n".join(problems))


def provide_system(system: Path, *, suite: str, packages: Sequence[str]) -> None:
    """Make a folder a Debian with these packages; do nothing when it is one already."""
    wanted = f"{suite} {' '.join(packages)}\n"
    if read_or_empty(system / "made-with") == wanted:
        return
    remove(system)
    system.parent.mkdir(parents=True, exist_ok=True)
    mirror = os.environ.get("DEBIAN_MIRROR") or MIRROR
    say(
        f"making a Debian ({suite}) in {system} from {mirror} (DEBIAN_MIRROR names another); some minutes ..."
    )
    try:
        run(["debootstrap", "--variant=minbase", suite, system, mirror])
        take_over_the_network(system)
        # Packages start no service in there.
        policy = system / "usr" / "sbin" / "policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        policy.chmod(0o755)
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
        run(entering(system, "/", install), env=environment(os.environ))
        if (system / "usr/sbin/update-ca-certificates").exists():
            run(entering(system, "/", ["update-ca-certificates"]), env=environment(os.environ))
    except SetupError as error:
        raise SetupError(f"{error}\nIt needs a network and a Debian mirror.") from error
    (system / "made-with").write_text(wanted, encoding="utf-8")


def take_over_the_network(system: Path) -> None:
    """Names are resolved and certificates are believed as on this machine."""
    shutil.copyfile("/etc/resolv.conf", system / "etc" / "resolv.conf")
    (system / CERTIFICATES).mkdir(parents=True, exist_ok=True)
    for certificate in (Path("/") / CERTIFICATES).glob("*.crt"):
        shutil.copyfile(certificate, system / CERTIFICATES / certificate.name)


def copy_clone(source: Path, target: Path) -> None:
    """Make `target` hold the files of the clone as they are, committed or not; what was set up stays."""
    listed = run(["git", "-C", source, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    names = {name for name in listed.split("\0") if name and (source / name).is_file()}
    for kept in target.rglob("*"):
        below = kept.relative_to(target)
        if below.parts[0] not in {".venv", ".cache"} and kept.is_file() and str(below) not in names:
            kept.unlink()
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name)


def enter(system: Path, folder: Path, command: Sequence[str]) -> int:
    """Run a command in a folder of the system, seen as it goes; returns its exit code."""
    inside = entering(system, f"/{folder}", command)
    code = subprocess.run(inside, env=environment(os.environ), check=False).returncode
    if code != 0 and command[0] == "make":
        raise SetupError(f"{' '.join(command)} ended with {code}")
    return code


def entering(system: Path, folder: str, command: Sequence[str]) -> list[str]:
    """The command that runs another one in the system, with processes and mounts of its own."""
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*unshare, "sh", "-c", ENTER, "enter", str(system), folder, *command]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Nothing of this machine but how packages are reached."""
    options = pip_options(environ, pip_config_files(environ))
    return {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        **{name: environ[name] for name in PROXIES if name in environ},
        **{
            f"PIP_{name.upper().replace('-', '_')}": options[name]
            for name in INDEX_OPTIONS
            if name in options
        },
    }
