"""The programs that our product works with, brought together in one folder that goes first on PATH.

What the machine has is used. What it lacks is taken from the distribution's packages, and a small script
starts it from there.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dev.distribution import Distribution
from dev.steps import SetupError, read_or_empty, remove, run, say


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program by the name we start it under, and where a Debian-like distribution keeps it."""

    name: str
    package: str
    version_option: str | None = "--version"
    """None where no option makes it say something and end well; then it is not tried."""
    other_name: str | None = None
    folders: str | None = None
    """A pattern of folders, the newest version first, that are looked through before any other."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a file of it may have, ours first."""
        return (self.name,) if self.other_name is None else (self.name, self.other_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A shared library that tests load into a program, and the package that holds it."""

    name: str
    package: str


POSTGRESQL = "usr/lib/postgresql/*/bin"

PROGRAMS = (
    Program(name="haproxy", package="haproxy", version_option="-v"),
    Program(name="prometheus", package="prometheus"),
    Program(name="promtool", package="prometheus"),
    Program(name="alertmanager", package="prometheus-alertmanager", other_name="prometheus-alertmanager"),
    Program(name="amtool", package="prometheus-alertmanager"),
    # For the tests of the shipped hook that changes DNS.
    Program(name="named", package="bind9", version_option="-v"),
    Program(name="nsupdate", package="bind9-dnsutils", version_option="-V"),
    Program(name="dig", package="bind9-dnsutils", version_option="-v"),
    # They judge the units and the script that we render.
    Program(name="systemd-analyze", package="systemd"),
    Program(name="shellcheck", package="shellcheck"),
    # It judges the manual page; it has no option that tells its version, and this makes a page of nothing.
    Program(name="mandoc", package="mandoc", version_option="-Tutf8"),
    # It judges versions of packages.
    Program(name="dpkg", package="dpkg"),
    # For the tests of sites' own scripts.
    Program(name="curl", package="curl"),
    # For the tests of license files that go to other machines; it has no option that tells its version.
    Program(
        name="sftp-server",
        package="openssh-sftp-server",
        version_option="-Qrequests",
        folders="usr/lib/openssh",
    ),
    # For those of other machines for real.
    Program(name="ssh", package="openssh-client", version_option="-V"),
    Program(name="sftp", package="openssh-client", version_option=None),
    Program(name="ssh-keygen", package="openssh-client", version_option=None),
    Program(name="sshd", package="openssh-server", version_option="-V"),
    # For those of folders on file servers that do not answer.
    Program(name="sshfs", package="sshfs"),
    # What Debian has on PATH under these names are scripts for installed clusters.
    Program(name="initdb", package="postgresql", folders=POSTGRESQL),
    Program(name="postgres", package="postgresql", folders=POSTGRESQL),
    Program(name="psql", package="postgresql", folders=POSTGRESQL),
    Program(name="pg_dump", package="postgresql", folders=POSTGRESQL),
    Program(name="pg_restore", package="postgresql", folders=POSTGRESQL),
)

LIBRARIES = (
    # Gives an sshd that is not the machine's own accounts of its own.
    Library(name="libnss_wrapper.so", package="libnss-wrapper"),
)
LIBRARY_FOLDERS = ("usr/lib/*-linux-gnu", "usr/lib64", "usr/lib")

# An ordinary user's PATH often lacks these.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
OUR_FOLDER = "/.cache/parts/bin"

# Debian's Prometheus and Alertmanager read templates and pages from a fixed folder; without them
# Alertmanager does not start. In an unpacked copy the path is overwritten by one of the same length that
# leads through an open file descriptor, and the starting script opens that on the unpacked folder.
FIXED_FOLDER = "/usr/share/prometheus"
OPEN_FOLDER = "/proc/self/fd/9/././."

OS_RELEASE = Path("/etc/os-release")


def provide_parts(*, folder: Path, distribution: Distribution) -> None:
    """Make `folder`/bin hold every program, each tried once; do nothing when it does already."""
    stamp = wanted_stamp()
    wanted = (*(f"bin/{program.name}" for program in PROGRAMS), *(f"lib/{each.name}" for each in LIBRARIES))
    if read_or_empty(folder / "stamp") == stamp and all((folder / each).exists() for each in wanted):
        return
    found = {
        program.name: path
        for program in PROGRAMS
        if (path := find(program, search_path(os.environ.get("PATH", "")), Path("/"))) is not None
    }
    fresh = folder.with_name(f"{folder.name}.new")
    remove(fresh)
    for name in ("bin", "lib"):
        (fresh / name).mkdir(parents=True)
    for name, path in found.items():
        (fresh / "bin" / name).symlink_to(path)
    libraries = [library for library in LIBRARIES if not link_library(library, Path("/"), fresh)]
    programs = [program for program in PROGRAMS if program.name not in found]
    unpack_missing(programs, libraries, fresh, distribution)
    for program in PROGRAMS:
        origin = str(found.get(program.name, "the distribution's packages"))
        version = version_of(program, fresh / "bin" / program.name, origin)
        say(f"using {program.name} from {origin}: {version}")
    (fresh / "stamp").write_text(stamp, encoding="utf-8")
    put_in_place(fresh, folder)


def put_in_place(fresh: Path, folder: Path) -> None:
    """Exchange a folder at once: tests that run meanwhile start programs from there."""
    old = folder.with_name(f"{folder.name}.old")
    remove(old)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    remove(old)


def wanted_stamp() -> str:
    """Name what the parts were made with: this code, and the distribution whose libraries they use."""
    sources = (Path(__file__), Path(__file__).with_name("distribution.py"), OS_RELEASE)
    return hashlib.sha256("\0".join(map(read_or_empty, sources)).encode()).hexdigest()


def search_path(path: str) -> str:
    """Return the user's PATH with the system's folders added, and without parts of this or another clone."""
    folders = (*path.split(os.pathsep), *SYSTEM_FOLDERS)
    return os.pathsep.join(f for f in folders if f.startswith("/") and not f.rstrip("/").endswith(OUR_FOLDER))


def find(program: Program, path: str, root: Path) -> Path | None:
    """Return where a program is, under any of its names: in folders of its own below `root`, or on `path`."""
    path = os.pathsep.join((*own_folders(program, root), path))
    for name in program.names:
        if (found := shutil.which(name, path=path)) is not None:
            return Path(found)
    return None


def link_library(library: Library, root: Path, fresh: Path) -> bool:
    """Link to a library that is below `root`; tell whether there is one."""
    found = next((each for folder in LIBRARY_FOLDERS for each in root.glob(f"{folder}/{library.name}")), None)
    if found is None:
        return False
    inside = found.is_relative_to(fresh)  # this folder is going to be moved
    target = Path("..") / found.relative_to(fresh) if inside else found
    (fresh / "lib" / library.name).symlink_to(target)
    return True


def own_folders(program: Program, root: Path) -> list[str]:
    """Return the folders in which a distribution keeps versions of a program side by side, newest first."""
    if program.folders is None:
        return []
    numbers = re.compile(r"\d+")
    found = sorted(
        root.glob(program.folders), key=lambda folder: [int(n) for n in numbers.findall(str(folder))]
    )
    return [str(folder) for folder in reversed(found)]


def packages_for(parts: Iterable[Program | Library]) -> tuple[str, ...]:
    """Return the packages that hold these, each once."""
    return tuple(dict.fromkeys(each.package for each in parts))


def how_to_install(packages: Iterable[str]) -> str:
    """Say what a person can do where packages cannot be fetched."""
    return (
        f"Install these packages, or what holds the same programs: {' '.join(packages)}\n"
        "They are found on PATH, in /usr/sbin and in /usr/local/sbin. Then run the same command again."
    )


def unpack_missing(
    missing: list[Program], missing_libraries: list[Library], fresh: Path, distribution: Distribution
) -> None:
    """Lay out the packages of what is missing and write a starting script for each program."""
    packages = packages_for((*missing, *missing_libraries))
    if not packages:
        return
    root = fresh / "root"
    distribution.unpack(packages, into=root, otherwise=how_to_install(packages))
    mend_links(root, FIXED_FOLDER)
    for library in missing_libraries:
        if not link_library(library, root, fresh):
            raise SetupError(f"The package {library.package} holds no {library.name}; install it yourself.")
    libraries = library_folders(root)
    for program in missing:
        binary = find(program, os.pathsep.join(f"{root}{folder}" for folder in SYSTEM_FOLDERS), root)
        if binary is None:
            raise SetupError(f"The package {program.package} holds no {program.name}; install it yourself.")
        script = fresh / "bin" / program.name
        text = starting_script(
            str(binary.relative_to(root)),
            libraries=libraries,
            reads_fixed_folder=lead_through_descriptor(binary),
        )
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)


def mend_links(root: Path, folder: str) -> None:
    """Point links to what was not unpacked, since the machine has it, at the machine's own."""
    for link in list(Path(f"{root}{folder}").rglob("*")):
        if link.is_symlink() and not link.exists():
            target = Path("/", os.path.relpath(link.parent / link.readlink(), root))
            if target.exists():
                link.unlink()
                link.symlink_to(target)


def lead_through_descriptor(binary: Path) -> bool:
    """Overwrite the fixed folder in a program; tell whether it was there."""
    data = binary.read_bytes()
    if FIXED_FOLDER.encode() not in data:
        return False
    binary.write_bytes(data.replace(FIXED_FOLDER.encode(), OPEN_FOLDER.encode()))
    return True


def library_folders(root: Path) -> tuple[str, ...]:
    """Return the folders with shared libraries, relative to where packages were unpacked."""
    return tuple(sorted({str(path.parent.relative_to(root)) for path in root.rglob("lib*.so*")}))


def starting_script(binary: str, *, libraries: Iterable[str], reads_fixed_folder: bool) -> str:
    """Return a script that becomes the program, so that its process is the program's."""
    lines = [
        "#!/bin/sh",
        "# Written by `make setup`: starts a program from where the distribution's packages were unpacked.",
        'root=$(CDPATH= cd -- "${0%/*}/../root" && pwd) || exit 127',
    ]
    if folders := ":".join(f"$root/{folder}" for folder in libraries):
        lines.append(f'export LD_LIBRARY_PATH="{folders}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"')
    if reads_fixed_folder:
        lines.append(f'exec 9<"$root{FIXED_FOLDER}"')
    lines.append(f'exec "$root/{binary}" "$@"')
    return "\n".join(lines) + "\n"


def version_of(program: Program, path: Path, origin: str) -> str:
    """Run a program once and return the first line of what it says about itself."""
    if program.version_option is None:
        return "not tried"
    try:
        return run([path, program.version_option]).partition("\n")[0].strip()
    except SetupError as error:
        advice = f"{program.name} from {origin} does not work. Repair it, or take it off PATH."
        raise SetupError(f"{advice}\n{error}") from error
