"""What has to be so while a package of ours is installed, upgraded and removed, whoever manages packages."""

from pathlib import Path

from dev.booted import Machine
from dev.steps import SetupError, say

NEEDED = ("python3", "systemd", "procps", "libstdc++6", "zlib1g")
"""What packages depend on; everything else is in them."""

PLACE = Path("srv/packages")
"""Where packages lie in a system."""

EXAMPLE = "/usr/share/doc/rlm-ha-exporter/examples/rlm-ha-cluster.yaml"
LINKED = "find /usr/lib/rlm-ha-exporter -name '*.so*' -exec ldd {} + 2>&1 | grep 'not found' || true"
MODES = """\
750 root rlm-ha /etc/rlm-ha
640 root rlm-ha /etc/rlm-ha/rlm-ha.env
640 root rlm-ha /etc/rlm-ha/settings.yaml"""
ANSWER = "for _ in $(seq 100); do rlm-ha health && exit 0; sleep 0.2; done"
MINE, THEIRS = "# Mine.", "# A line of a newer version."
"""The last lines of the settings: as the site has them, and as a newer package does."""


def look_after_install(machine: Machine) -> None:
    """What is there after the first installation, which needs no network."""
    expect("the program starts", machine.run("rlm-ha --version").split()[0], "rlm-ha")
    expect("all libraries are there", machine.run(LINKED), "")
    machine.run(f"setpriv --reuid=65534 rlm-ha check {EXAMPLE}")
    modes = machine.run("stat -c '%a %U %G %n' /etc/rlm-ha /etc/rlm-ha/*")
    expect("settings are its group's to read", modes, MODES)
    expect("systemd has nothing against the unit", machine.run("systemd-analyze verify rlm-ha.service"), "")
    expect("it is not enabled", machine.run("systemctl is-enabled rlm-ha", code=1), "disabled")
    expect("it does not run", machine.run("systemctl is-active rlm-ha", code=3), "inactive")
    compiled = "find /usr/lib/rlm-ha-exporter -path '*/rlm_exporter/cli/__pycache__/serve.*.pyc'"
    expect("nobody has to compile it", len(machine.run(compiled).splitlines()), 1)


def serve(machine: Machine) -> None:
    """A cluster is looked after by a user of its own."""
    machine.run(f"install -m 0640 -g rlm-ha {EXAMPLE} /etc/rlm-ha/cluster.yaml")
    machine.run("rlm-ha check /etc/rlm-ha && systemctl enable --now rlm-ha")
    wait_for_the_daemon(machine)
    expect("it runs as rlm-ha", machine.run(f"ps -o user= -p {main_process(machine)}"), "rlm-ha")
    expect("the journal is its own", machine.run("stat -c %U /var/lib/rlm-ha/journal.db"), "rlm-ha")
    machine.run("systemctl reload rlm-ha")
    wait_for_the_daemon(machine)


def upgrade(machine: Machine, command: str, *, beside: str) -> None:
    """Changed settings stay, the new ones lie `beside`; what ran runs again, on the same journal."""
    machine.run(f"echo '{MINE}' >>/etc/rlm-ha/settings.yaml")
    before, journal = main_process(machine), machine.run("stat -c %i /var/lib/rlm-ha/journal.db")
    machine.run(command)
    wait_for_the_daemon(machine)
    expect("it was started again", main_process(machine) != before, True)
    expect("settings are as they were", machine.run("tail -n 1 /etc/rlm-ha/settings.yaml"), MINE)
    expect("the new ones lie beside", machine.run(f"tail -n 1 /etc/rlm-ha/settings.yaml.{beside}"), THEIRS)
    expect("their group stays", machine.run("stat -c '%a %G' /etc/rlm-ha/settings.yaml"), "640 rlm-ha")
    expect("the journal stays", machine.run("stat -c %i /var/lib/rlm-ha/journal.db"), journal)


def upgrade_while_stopped(machine: Machine, command: str) -> None:
    """What somebody has stopped stays so."""
    machine.run(f"systemctl stop rlm-ha && {command}")
    expect("it stays stopped", machine.run("systemctl is-active rlm-ha", code=3), "inactive")
    expect("it stays enabled", machine.run("systemctl is-enabled rlm-ha"), "enabled")
    machine.run("systemctl start rlm-ha")
    wait_for_the_daemon(machine)


def remove(machine: Machine, command: str) -> None:
    """A removal stops the daemon and keeps what is the site's."""
    machine.run(command)
    expect("nothing of it runs", machine.run("pgrep --uid rlm-ha", code=1), "")
    programs = "ls -d /usr/lib/rlm-ha-exporter /usr/bin/rlm-ha 2>/dev/null"
    expect("programs are gone", machine.run(programs, code=2), "")
    machine.run("ls /etc/rlm-ha/cluster.yaml /var/lib/rlm-ha/journal.db")


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
