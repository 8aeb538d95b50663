"""Builds the package for this machine's Debian or Ubuntu: `/usr/bin/python3 -m dev.deb`, or `make deb`.

It depends on the Python of the release that it is built on, so each release has a package of its own. The
package needs no network when it is installed.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # an older Python must hear why before it reads the rest
    sys.exit("The distribution's Python has to be 3.11 or newer: its package is made for that alone.")

import email
import gzip
import hashlib
import os
import platform
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

from dev.staging import CONFIG, DOC, HOME, ROOT, settled_environment, source_time, stage, write
from dev.steps import SetupError, run, say

NAME = "rlm-ha-exporter"
SOURCE = ROOT / "packaging" / "deb"
SCRIPTS = ("postinst", "prerm", "postrm")
LIBRARIES = ("libc6", "libgcc-s1", "libstdc++6", "zlib1g")
"""What the compiled parts of the Python packages are linked with, beside what they bring."""

TOOLS = "procps"
"""Has the `kill` by which the unit reloads."""

USERS = "systemd | systemd-standalone-sysusers | systemd-sysusers"


def main() -> int:
    """Build the package into dist/, and say where it is; an exit code."""
    try:
        if shutil.which("dpkg-deb") is None:
            raise SetupError(
                "There is no dpkg-deb on this machine: build on the Debian or Ubuntu to install on."
            )
        with tempfile.TemporaryDirectory(prefix="rlm-ha-deb-") as work:
            say(str(build(Path(work) / "tree").relative_to(ROOT)))
    except (SetupError, OSError) as error:
        print(f"deb: {error}", file=sys.stderr)
        return 1
    return 0


def build(tree: Path) -> Path:
    """Stage the tree, describe it, and pack it; where the package is."""
    stage(tree)
    version = package_version(platform.freedesktop_os_release())
    architecture = run(["dpkg", "--print-architecture"]).strip()
    add_documents(tree, version)
    add_control(tree, version, architecture)
    (ROOT / "dist").mkdir(exist_ok=True)
    target = ROOT / "dist" / f"{NAME}_{version}_{architecture}.deb"
    run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, target], env=settled_environment())
    return target


def package_version(release: Mapping[str, str]) -> str:
    """The project's, and the release that it is for: a newer release's package is then an upgrade."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    distribution = {"debian": "deb"}.get(release["ID"], release["ID"])
    return f"{project['project']['version']}-1+{distribution}{release.get('VERSION_ID', 'unstable')}"


def maintainer() -> str:
    """Whoever builds it, by the variables that Debian's tools read."""
    name, address = os.environ.get("DEBFULLNAME"), os.environ.get("DEBEMAIL")
    return f"{name or 'whoever built it'} <{address or 'root@localhost'}>"


def add_documents(tree: Path, version: str) -> None:
    """Copyright, changelogs and compressed pages, as Debian has them."""
    write(tree / DOC / "copyright", copyright_of(tree))
    write(
        tree / "usr/share/lintian/overrides" / NAME,
        (SOURCE / "lintian-overrides").read_text(encoding="utf-8"),
    )
    write(tree / DOC / "changelog", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    date = formatdate(source_time())
    signed = f" -- {maintainer()}  {date}"
    entry = f"{NAME} ({version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n{signed}\n"
    write(tree / DOC / "changelog.Debian", entry)
    for path in (
        tree / DOC / "changelog",
        tree / DOC / "changelog.Debian",
        tree / "usr/share/man/man1/rlm-ha.1",
    ):
        packed = gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
        path.with_name(f"{path.name}.gz").write_bytes(packed)
        path.unlink()


def copyright_of(tree: Path) -> str:
    """The text, with the packages of others and the license that each names."""
    others = [
        f"  {fields['Name']} {fields['Version']}: {license_of(fields)}"
        for metadata in sorted((tree / HOME).glob("lib/python*/site-packages/*.dist-info/METADATA"))
        if (fields := email.message_from_string(metadata.read_text(encoding="utf-8")))["Name"] != NAME
    ]
    return (SOURCE / "copyright").read_text(encoding="utf-8").replace("{others}", "\n".join(others))


def license_of(fields: "email.message.Message[str, str]") -> str:
    """What a package's own metadata call its license."""
    named = fields["License-Expression"] or fields["License"]
    classified = [
        c.rpartition(" :: ")[2] for c in fields.get_all("Classifier", []) if c.startswith("License")
    ]
    first = named.strip().splitlines()[0] if named else ""
    return first or ", ".join(classified) or "see its folder"


def add_control(tree: Path, version: str, architecture: str) -> None:
    """What dpkg wants to know, and what it runs."""
    files = [path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink()]
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}" for path in files]  # noqa: S324 - dpkg's format
    own = [f"/{path.relative_to(tree)}" for path in files if path.is_relative_to(tree / CONFIG)]
    minor = sys.version_info.minor
    python = f"python3 (>= 3.{minor}~), python3 (<< 3.{minor + 1})"
    control = (
        (SOURCE / "control")
        .read_text(encoding="utf-8")
        .format(
            version=version,
            architecture=architecture,
            maintainer=maintainer(),
            size=sum(path.stat().st_size for path in files) // 1024,
            depends=", ".join((python, USERS, TOOLS, *LIBRARIES)),
        )
    )
    write(tree / "DEBIAN" / "control", control)
    write(tree / "DEBIAN" / "conffiles", "".join(f"{name}\n" for name in own))
    write(tree / "DEBIAN" / "md5sums", "".join(f"{line}\n" for line in sums))
    for name in SCRIPTS:
        write(tree / "DEBIAN" / name, (SOURCE / name).read_text(encoding="utf-8"), mode=0o755)


if __name__ == "__main__":
    sys.exit(main())
