"""Builds the Debian package for each release that we support, and tries its life in an empty system.

`python3 -m dev.deb_trial [RELEASE ...]`, or `make test-deb`. Systems are made by debootstrap in `.cache/deb`
and kept for the next time. The package is built in one of them, and installed in a copy of another, which has
no network and is started with systemd.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
    wait_for_the_daemon,
)
from dev.roots import copy_clone, enter, entering, environment, provide_system, refuse_where_it_cannot_work
from dev.steps import SetupError, run, say

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = ROOT / ".cache" / "deb"
RELEASES = ("bookworm", "trixie")
BUILDING = ("python3", "python3-venv", "git", "make", "ca-certificates", "lintian")
CLONE = Path("srv/clone")
WANT = "/etc/systemd/system/multi-user.target.wants/rlm-ha.service"


def main(arguments: Sequence[str]) -> int:
    """Try each release; an exit code."""
    try:
        refuse_where_it_cannot_work(effective_user=os.geteuid())
        for suite in arguments or RELEASES:
            with tempfile.TemporaryDirectory(prefix="rlm-ha-deb-trial-") as work:
                package = build(suite)
                install_without_a_network(suite)
                root = Path(work) / "system"
                packages = make_empty_system(suite, root, package)
                with booted(root) as machine:
                    live_through(machine, *packages)
        say("test-deb: all is well")
    except (SetupError, OSError, subprocess.TimeoutExpired) as error:
        print(f"test-deb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("test-deb: stopped", file=sys.stderr)
        return 130
    return 0


def build(suite: str) -> Path:
    """The package for a release, built there by `make deb` and judged by its lintian; also in dist/ here."""
    system = SYSTEMS / f"{suite}-builds"
    provide_system(system, suite=suite, packages=BUILDING)
    copy_clone(ROOT, system / CLONE)
    shutil.rmtree(system / CLONE / "dist", ignore_errors=True)
    enter(system, CLONE, ["make", "deb"])
    [package] = (system / CLONE / "dist").glob("*.deb")
    judge = [
        "lintian",
        "--allow-root",
        "--fail-on",
        "error,warning",
        "--suppress-tags",
        CONTACT,
        f"dist/{package.name}",
    ]
    run(entering(system, f"/{CLONE}", judge), env=environment(os.environ))
    say(f"lintian of {suite} has nothing to complain of")
    (ROOT / "dist").mkdir(exist_ok=True)
    return Path(shutil.copy2(package, ROOT / "dist"))


def install_without_a_network(suite: str) -> None:
    """As docs/install.md says it: one block of commands with a network, one in the folder without."""
    system = SYSTEMS / f"{suite}-builds"
    section = (
        (ROOT / "docs" / "install.md").read_text(encoding="utf-8").partition("\n### Without a network\n")[2]
    )
    blocks = re.findall(r"(?:^    .*\n)+", section.partition("\n## ")[0], re.MULTILINE)
    fetch, install = (re.sub(r"^ *(sudo )?", "", block, flags=re.MULTILINE) for block in blocks)
    for folder in ("srv/clone/offline", "srv/clone/build", "opt/rlm-ha"):
        shutil.rmtree(system / folder, ignore_errors=True)
    run(entering(system, f"/{CLONE}", ["sh", "-ec", fetch]), env=environment(os.environ))
    alone = ["unshare", "--net", *entering(system, f"/{CLONE}/offline", ["sh", "-ec", install])]
    expect("pip installs it without a network", run(alone, env=environment({})).split()[-2], "rlm-ha")


CONTACT = "bogus-mail-host,bogus-mail-host-in-debian-changelog,root-in-contact"
"""Whoever builds a package says who they are by DEBFULLNAME and DEBEMAIL; a trial is nobody's."""


def make_empty_system(suite: str, root: Path, package: Path) -> tuple[Path, Path]:
    """A fresh system with the package laid ready, and a newer one whose settings have changed."""
    empty = SYSTEMS / f"{suite}-empty"
    provide_system(empty, suite=suite, packages=NEEDED)
    run(["cp", "--archive", "--reflink=auto", empty, root])
    # In there services do start.
    (root / "usr/sbin/policy-rc.d").unlink()
    (root / PLACE).mkdir()
    shutil.copy2(package, root / PLACE)
    tree = root / PLACE / "newer"
    run(["dpkg-deb", "--raw-extract", package, tree])
    control = tree / "DEBIAN" / "control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub(r"^(Version: .*)$", r"\1.1", text, flags=re.MULTILINE), encoding="utf-8")
    settings = tree / "etc/rlm-ha/settings.yaml"
    settings.write_text(f"{settings.read_text(encoding='utf-8')}{THEIRS}\n", encoding="utf-8")
    run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, root / PLACE / "newer.deb"])
    shutil.rmtree(tree)
    return Path("/", PLACE, package.name), Path("/", PLACE, "newer.deb")


def live_through(machine: Machine, package: Path, newer: Path) -> None:
    """From the first installation to the purge."""
    kept = f"dpkg --force-confdef --force-confold --install {newer}"
    machine.run(f"dpkg --install {package}")
    look_after_install(machine)
    serve(machine)
    upgrade(machine, kept, beside="dpkg-dist")
    upgrade_while_stopped(machine, kept)
    remove(machine, "dpkg --remove rlm-ha-exporter")
    expect("settings stay", machine.run("tail -n 1 /etc/rlm-ha/settings.yaml"), MINE)
    machine.run(f"{kept} && systemctl restart rlm-ha")
    wait_for_the_daemon(machine)
    purge(machine)


def purge(machine: Machine) -> None:
    """The package's own things are gone; manifests and the user stay."""
    machine.run("dpkg --purge rlm-ha-exporter </dev/null")
    expect("only the site's files stay", machine.run("ls -A /etc/rlm-ha"), "cluster.yaml")
    gone = f"ls -d /var/lib/rlm-ha /usr/lib/rlm-ha-exporter {WANT} 2>/dev/null"
    expect("journal and unit are gone", machine.run(gone, code=2), "")
    machine.run("getent passwd rlm-ha")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
