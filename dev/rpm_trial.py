"""Builds the package for RHEL 9 on a Debian 12, which has the same Python 3.11, and tries its life there.

`python3 -m dev.rpm_trial`, or `make test-rpm`. It is not a RHEL: names of packages that it depends on,
SELinux and dnf are not tried. The rest is: scripts, users, modes, the unit, upgrade and removal.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.booted import Machine, booted
from dev.package_life import (
    MINE,
    NEEDED,
    PLACE,
    THEIRS,
    expect,
    look_after_install,
    remove,
    serve,
    upgrade,
    upgrade_while_stopped,
)
from dev.roots import copy_clone, enter, provide_system, refuse_where_it_cannot_work
from dev.steps import SetupError, run, say

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = ROOT / ".cache" / "rpm"
SUITE = "bookworm"
BUILDING = ("python3", "python3-venv", "git", "make", "ca-certificates", "rpm")
CLONE = Path("srv/clone")
INSTALL = "rpm --nodeps --force-debian"


def main() -> int:
    """Build, and try; an exit code."""
    try:
        refuse_where_it_cannot_work(effective_user=os.geteuid())
        provide_system(SYSTEMS / "builds", suite=SUITE, packages=BUILDING)
        provide_system(SYSTEMS / "empty", suite=SUITE, packages=(*NEEDED, "rpm"))
        with tempfile.TemporaryDirectory(prefix="rlm-ha-rpm-trial-") as work:
            root = Path(work) / "system"
            run(["cp", "--archive", "--reflink=auto", SYSTEMS / "empty", root])
            (root / "usr/sbin/policy-rc.d").unlink()
            (root / PLACE).mkdir()
            names = [Path(shutil.copy2(build(newer=newer), root / PLACE)).name for newer in (False, True)]
            with booted(root) as machine:
                live_through(machine, *(Path("/", PLACE, name) for name in names))
    except (SetupError, OSError, subprocess.TimeoutExpired) as error:
        print(f"test-rpm: {error}", file=sys.stderr)
        return 1
    say("test-rpm: all is well")
    return 0


def build(*, newer: bool) -> Path:
    """The package of the clone as it is, or of a newer version whose settings have changed."""
    clone = SYSTEMS / "builds" / CLONE
    copy_clone(ROOT, clone)
    if newer:
        project, settings = clone / "pyproject.toml", clone / "packaging/settings.yaml"
        text = project.read_text(encoding="utf-8")
        project.write_text(
            re.sub(r'^(version = ".*)"$', r'\1.1"', text, flags=re.MULTILINE), encoding="utf-8"
        )
        settings.write_text(f"{settings.read_text(encoding='utf-8')}{THEIRS}\n", encoding="utf-8")
    shutil.rmtree(clone / "dist", ignore_errors=True)
    enter(SYSTEMS / "builds", CLONE, ["make", "rpm"])
    [package] = (clone / "dist").glob("*.rpm")
    return package


def live_through(machine: Machine, package: Path, newer: Path) -> None:
    """From the first installation to the removal."""
    machine.run(f"{INSTALL} --install {package}")
    expect("all is as it was packed", machine.run("rpm --verify --nodeps rlm-ha-exporter"), "")
    look_after_install(machine)
    serve(machine)
    upgrade(machine, f"{INSTALL} --upgrade {newer}", beside="rpmnew")
    upgrade_while_stopped(machine, f"{INSTALL} --upgrade --replacepkgs {newer}")
    remove(machine, "rpm --nodeps --erase rlm-ha-exporter")
    expect("changed settings stay", machine.run("tail -n 1 /etc/rlm-ha/settings.yaml.rpmsave"), MINE)


if __name__ == "__main__":
    sys.exit(main())
