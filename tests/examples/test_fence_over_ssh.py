"""The shipped fence with a real ssh and a real sshd; only sudo and systemctl there take notes instead."""

import os
import time
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from tests.examples.hooks import away_from, run_hook
from tests.probe.programs import shell
from tests.sshd import HOST, LOGIN, Sshd

pytestmark = pytest.mark.row(11)

FORCED = 'restrict,command="sudo -n systemctl stop rlm.service"'
"""As the fence's own text has it."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    with Sshd(more="Banner /etc/os-release") as made:
        made.use(monkeypatch)
        shell(made.bin / "sudo", f'printf "%s\\n" "$*" >> {made.home}/sudo; shift; exec "$@"')
        shell(made.bin / "systemctl", f'echo "$@" >> {made.home}/systemctl')
        yield made


def fence(*arguments: str) -> CompletedProcess[str]:
    return run_hook("fence-systemctl", *arguments, event=away_from(HOST), path=os.environ["PATH"])


def stopped(server: Sshd) -> list[str]:
    note = server.home / "systemctl"
    return note.read_text().splitlines() if note.exists() else []


def test_stops_the_unit_there(server: Sshd) -> None:
    done = fence("--login", LOGIN, "--unit", "rlm@siemens.service")
    assert (done.returncode, done.stderr) == (0, "")
    assert stopped(server) == ["stop rlm@siemens.service"]
    assert (server.home / "sudo").read_text() == "-n systemctl stop rlm@siemens.service\n"


def test_a_key_that_may_do_nothing_else_stops_what_it_may(server: Sshd) -> None:
    server.authorize(FORCED)
    assert fence("--login", LOGIN, "--unit", "other.service").returncode == 0
    assert stopped(server) == ["stop rlm.service"]


def test_a_unit_that_cannot_be_stopped_is_told_without_the_banner(server: Sshd) -> None:
    shell(server.bin / "systemctl", "echo 'Failed to stop rlm.service: Access denied' >&2; exit 4")
    done = fence()
    assert done.returncode == 1
    assert done.stderr == f"{HOST} did not stop its unit (4): Failed to stop rlm.service: Access denied\n"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unknown", "Host key verification failed"),
        ("changed", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        ("refused", "Permission denied (publickey)"),
        ("passphrase", "Permission denied (publickey)"),
    ],
)
def test_nobody_is_asked_and_nothing_is_taken_on_trust(server: Sshd, fault: str, words: str) -> None:
    match fault:
        case "unknown":
            (server.client / "known").write_text("")
        case "changed":
            server.make_key(server.client / "other")
            (server.client / "known").write_text(f"{HOST} {(server.client / 'other.pub').read_text()}")
        case "refused":
            server.make_key(server.client / "user")
        case "passphrase":
            server.make_key(server.client / "user", passphrase="only for people")
            server.authorize()
    done = fence()
    assert done.returncode == 1
    assert done.stderr.startswith(f"{HOST} cannot be reached by ssh: ")
    assert words in done.stderr
    assert stopped(server) == []


def test_a_machine_that_never_answers_fails_the_fence_in_time(server: Sshd) -> None:
    began = time.monotonic()
    with server.frozen():
        done = fence("--timeout", "1")
    assert done.returncode == 1
    assert "did not stop its unit within 1 s" in done.stderr
    assert time.monotonic() - began < 5
    assert stopped(server) == []
