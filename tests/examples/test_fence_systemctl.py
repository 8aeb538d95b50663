"""The shipped fence over ssh. The other side is a shell, as sshd starts one, with its own systemctl."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from rlm_exporter.failover.calls import CallEvent
from tests.examples.hooks import away_from, run_hook
from tests.probe.programs import shell

pytestmark = pytest.mark.row(11)

# ssh joins the words behind the host with blanks, and sshd has a shell read that line.
SSH = """\
printf '%s\\n' "$@" > '{folder}/ssh'
while [ "$1" != -- ]; do shift; done
shift 2
exec /bin/sh -c "$*"
"""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The folder of the programs of both sides; what they were told is written beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shell(folder / "ssh", SSH.format(folder=tmp_path))
    shell(folder / "sudo", f"printf '%s\\n' \"$@\" > '{tmp_path}/sudo'; shift; exec \"$@\"")
    shell(folder / "systemctl", f"printf '%s\\n' \"$@\" > '{tmp_path}/systemctl'")
    return folder


def fence(remote: Path, *arguments: str, event: CallEvent | str | None = None) -> CompletedProcess[str]:
    path = f"{remote}:/usr/bin:/bin"
    given = away_from("rlm1.example.com") if event is None else event
    return run_hook("fence-systemctl", *arguments, event=given, path=path)


def told(remote: Path, program: str) -> list[str]:
    return (remote.parent / program).read_text().splitlines()


def test_stops_the_unit_of_the_server_that_is_left(remote: Path) -> None:
    done = fence(remote, "--unit", "rlm@siemens.service", "--login", "rlm-fence", "--identity", "/etc/my key")
    assert (done.returncode, done.stderr) == (0, "")
    assert told(remote, "systemctl") == ["stop", "rlm@siemens.service"]
    assert told(remote, "sudo")[0] == "-n"
    ssh = told(remote, "ssh")
    assert ssh[-6:] == ["rlm1.example.com", "sudo", "-n", "systemctl", "stop", "rlm@siemens.service"]
    assert "BatchMode=yes" in ssh
    assert ssh[ssh.index("-i") + 1] == "/etc/my key"
    assert ssh[ssh.index("-l") + 1] == "rlm-fence"


def test_works_without_sudo(remote: Path) -> None:
    assert fence(remote, "--no-sudo").returncode == 0
    assert not (remote.parent / "sudo").exists()
    assert told(remote, "systemctl") == ["stop", "rlm.service"]


def test_a_dry_run_starts_nothing(remote: Path) -> None:
    done = fence(remote, "--dry-run")
    assert json.loads(done.stdout)[-3:] == ["systemctl", "stop", "rlm.service"]
    assert not (remote.parent / "ssh").exists()


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=touch made", "rlm1;touch made", "rlm1 $(touch made)", "a\nb", "@rlm1", ""]
)
def test_a_host_that_a_shell_or_ssh_might_take_for_more_is_refused(host: str, remote: Path) -> None:
    done = fence(remote, event=away_from(host))
    assert done.returncode == 1
    assert "from_host" in done.stderr
    assert not (remote.parent / "ssh").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--unit", "rlm.service; reboot"),
        ("--unit", "-H evil.service"),
        ("--unit", "rlm"),
        ("--unit", "$(reboot).service"),
        ("--login", "-oProxyCommand=x"),
        ("--login", "a b"),
    ],
)
def test_words_that_a_shell_might_take_for_more_are_refused(option: str, value: str, remote: Path) -> None:
    done = fence(remote, f"{option}={value}")
    assert done.returncode == 2
    assert "is not a" in done.stderr
    assert not (remote.parent / "ssh").exists()


@pytest.mark.parametrize(
    ("program", "body", "words"),
    [
        (
            "ssh",
            "echo 'Connection timed out' >&2; exit 255",
            "cannot be reached by ssh: Connection timed out",
        ),
        (
            "systemctl",
            "echo 'Unit rlm.service not loaded.' >&2; exit 5",
            "did not stop its unit (5): Unit rlm",
        ),
        ("sudo", "echo 'sudo: a password is required' >&2; exit 1", "(1): sudo: a password is required"),
        ("systemctl", "exec sleep 600", "did not stop its unit within 1 s"),
    ],
)
def test_what_goes_wrong_is_told(program: str, body: str, words: str, remote: Path) -> None:
    shell(remote / program, body)
    done = fence(remote, "--timeout", "1" if "sleep" in body else "20")
    assert done.returncode == 1
    assert done.stderr.startswith("rlm1.example.com ")
    assert words in done.stderr


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("", "standard input holds no event"),
        ("[]", "the event has no from_host"),
        ('{"from_host": null}', "the event has no from_host"),
        ('{"from_host": 7}', "the event has no from_host"),
    ],
)
def test_without_an_event_nobody_is_fenced(event: str, words: str, remote: Path) -> None:
    done = fence(remote, event=event)
    assert (done.returncode, words in done.stderr) == (1, True)
    assert not (remote.parent / "ssh").exists()
