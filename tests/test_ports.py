"""The ports that tests get are really free, and theirs alone."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.ports import free_port

HOSTS = ("127.0.61.1", "127.0.61.2")
OTHERS = range(11000, 12000)
ROOT = Path(__file__).parent.parent


def test_never_gives_the_same_port_twice() -> None:
    given = [free_port(HOSTS) for _ in range(200)]
    assert len(set(given)) == len(given)


def test_passes_over_a_port_taken_on_one_of_the_hosts() -> None:
    with socket.create_server((HOSTS[1], 0)) as listener:
        taken = listener.getsockname()[1]
        assert free_port(HOSTS, candidates=[taken, *OTHERS]) != taken


def test_another_test_process_does_not_get_the_port() -> None:
    program = (
        "import sys; from tests.ports import free_port; print(free_port(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        assert free_port(candidates=[theirs, *OTHERS]) != theirs
