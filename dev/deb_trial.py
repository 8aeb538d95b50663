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
from dev.roots import copy_clone, enter, entering, environment, provide_system, refuse_where_it_cannot_work
from dev.steps import SetupError, run, say

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = ROOT / ".cache" / "deb"
RELEASES = ("bookworm", "trixie")
BUILDING = ("python3", "python3-venv", "git", "make", "ca-certificates", "lintian")
NEEDED = ("python3", "systemd", "procps", "libstdc++6", "zlib1g")
"""What the package depends on; everything else is in it."""

CLONE = Path("srv/clone")
PLACE = Path("srv/packages")
EXAMPLE = "/usr/share/doc/rlm-ha-exporter/examples/rlm-ha-cluster.yaml"
LINKED = "find /usr/lib/rlm-ha-exporter -name '*.so*' -exec ldd {} + 2>&1 | grep 'not found' || true"
MODES = """\
750 root rlm-ha /etc/rlm-ha
640 root rlm-ha /etc/rlm-ha/rlm-ha.env
640 root rlm-ha /etc/rlm-ha/settings.yaml"""
WANT = "/etc/systemd/system/multi-user.target.wants/rlm-ha.service"
ANSWER = "for _ in $(seq 100); do rlm-ha health && exit 0; sleep 0.2; done"
MARK = "# A line of a newer version."


def main(arguments: Sequence[str]) -> int:
    """Try each release; an exit code."""
    try:
        refuse_where_it_cannot_work(effective_user=os.geteuid())
        for suite in arguments or RELEASES:
            with tempfile.TemporaryDirectory(prefix="rlm-ha-deb-trial-") as work:
                package = build(suite)
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
    settings.write_text(f"{settings.read_text(encoding='utf-8')}{MARK}\n", encoding="utf-8")
    run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, root / PLACE / "newer.deb"])
    shutil.rmtree(tree)
    return Path("/", PLACE, package.name), Path("/", PLACE, "newer.deb")


def live_through(machine: Machine, package: Path, newer: Path) -> None:
    """From the first installation to the purge."""
    install(machine, package)
    serve(machine)
    upgrade(machine, newer)
    upgrade_while_stopped(machine, newer)
    remove_and_come_back(machine, newer)
    purge(machine)


def install(machine: Machine, package: Path) -> None:
    """What is there after the first installation, which needs no network."""
    machine.run(f"dpkg --install {package}")
    expect("the program starts", machine.run("rlm-ha --version").split()[0], "rlm-ha")
    expect("all libraries are there", machine.run(LINKED), "")
    expect(
        "ordinary users may run it",
        machine.run("setpriv --reuid=65534 rlm-ha check " + EXAMPLE, code=0) != "",
        True,
    )
    modes = machine.run("stat -c '%a %U %G %n' /etc/rlm-ha /etc/rlm-ha/*")
    expect("settings are its group's to read", modes, MODES)
    expect("systemd has nothing against the unit", machine.run("systemd-analyze verify rlm-ha.service"), "")
    expect("it is not enabled", machine.run("systemctl is-enabled rlm-ha", code=1), "disabled")
    expect("it does not run", machine.run("systemctl is-active rlm-ha", code=3), "inactive")
    expect(
        "root leaves nothing", machine.run("find /usr/lib/rlm-ha-exporter -newer /var/lib/dpkg/status"), ""
    )


def serve(machine: Machine) -> None:
    """A cluster is looked after by a user of its own."""
    machine.run(f"install -m 0640 -g rlm-ha {EXAMPLE} /etc/rlm-ha/cluster.yaml")
    machine.run("rlm-ha check /etc/rlm-ha && systemctl enable --now rlm-ha")
    wait_for_the_daemon(machine)
    expect("it runs as rlm-ha", machine.run(f"ps -o user= -p {main_process(machine)}"), "rlm-ha")
    expect("the journal is its own", machine.run("stat -c %U /var/lib/rlm-ha/journal.db"), "rlm-ha")
    machine.run("systemctl reload rlm-ha")
    wait_for_the_daemon(machine)


def upgrade(machine: Machine, newer: Path) -> None:
    """Settings that were changed stay; what ran runs again, on the same journal."""
    machine.run("echo '# Mine.' >>/etc/rlm-ha/settings.yaml")
    before, journal = main_process(machine), machine.run("stat -c %i /var/lib/rlm-ha/journal.db")
    machine.run(f"dpkg --force-confdef --force-confold --install {newer}")
    wait_for_the_daemon(machine)
    expect("it was started again", main_process(machine) != before, True)
    expect("settings are as they were", machine.run("tail -n 1 /etc/rlm-ha/settings.yaml"), "# Mine.")
    expect("the new ones lie beside", machine.run("tail -n 1 /etc/rlm-ha/settings.yaml.dpkg-dist"), MARK)
    expect("their group stays", machine.run("stat -c '%a %G' /etc/rlm-ha/settings.yaml"), "640 rlm-ha")
    expect("the journal stays", machine.run("stat -c %i /var/lib/rlm-ha/journal.db"), journal)


def upgrade_while_stopped(machine: Machine, newer: Path) -> None:
    """What somebody has stopped stays so."""
    machine.run(f"systemctl stop rlm-ha && dpkg --force-confold --install {newer}")
    expect("it stays stopped", machine.run("systemctl is-active rlm-ha", code=3), "inactive")
    expect("it stays enabled", machine.run("systemctl is-enabled rlm-ha"), "enabled")
    machine.run("systemctl start rlm-ha")
    wait_for_the_daemon(machine)


def remove_and_come_back(machine: Machine, newer: Path) -> None:
    """A removal stops the daemon and keeps what is the site's; it can be taken back."""
    machine.run("dpkg --remove rlm-ha-exporter")
    expect("nothing of it runs", machine.run("pgrep --uid rlm-ha", code=1), "")
    expect(
        "programs are gone",
        machine.run("ls -d /usr/lib/rlm-ha-exporter /usr/bin/rlm-ha 2>/dev/null", code=2),
        "",
    )
    machine.run("ls /etc/rlm-ha/settings.yaml /etc/rlm-ha/cluster.yaml /var/lib/rlm-ha/journal.db")
    machine.run(f"dpkg --force-confold --install {newer}")
    expect("settings came through", machine.run("tail -n 1 /etc/rlm-ha/settings.yaml"), "# Mine.")
    machine.run("systemctl restart rlm-ha")
    wait_for_the_daemon(machine)


def purge(machine: Machine) -> None:
    """The package's own things are gone; manifests and the user stay."""
    machine.run("dpkg --purge rlm-ha-exporter </dev/null")
    expect("only the site's files stay", machine.run("ls -A /etc/rlm-ha"), "cluster.yaml")
    gone = f"ls -d /var/lib/rlm-ha /usr/lib/rlm-ha-exporter {WANT} 2>/dev/null"
    expect("journal and unit are gone", machine.run(gone, code=2), "")
    machine.run("getent passwd rlm-ha")


def main_process(machine: Machine) -> int:
    """The daemon's process, as systemd knows it."""
    return int(machine.run("systemctl show --property=MainPID --value rlm-ha"))


def wait_for_the_daemon(machine: Machine) -> None:
    """Until it answers as one that is up."""
    machine.run(f"({ANSWER}; journalctl --unit rlm-ha --lines 20; exit 1) 2>&1")


def expect(claim: str, found: object, wanted: object) -> None:
    """Say what holds; raise SetupError for what does not."""
    if found != wanted:
        raise SetupError(f"It is not so that {claim}:\n  found  {found!r}\n  wanted {wanted!r}")
    say(f"  {claim}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
