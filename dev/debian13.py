"""Runs the tests of failovers, store, dashboards and rules in a Debian 13, whatever this machine has.

There they meet HAProxy 3.0, PostgreSQL 17, Prometheus 2.53, Alertmanager 0.28 and Python 3.13.

`python3 -m dev.debian13 [PYTEST ARGUMENT ...]`, or `make test-debian13`. The system is made by debootstrap in
`.cache/debian13` and kept for the next time; this clone's files are copied into it. Processes and mounts are
its own and end with it. Its network is this machine's: packages are fetched.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from dev.roots import copy_clone, enter, provide_system, refuse_where_it_cannot_work
from dev.steps import SetupError

ROOT = Path(__file__).resolve().parent.parent
SYSTEM = ROOT / ".cache" / "debian13"
SUITE = "trixie"
PACKAGES = (
    *("haproxy", "prometheus", "prometheus-alertmanager", "postgresql"),
    *("python3", "python3-venv", "git", "make", "ca-certificates"),
)
TESTS = (
    *("tests/haproxy", "tests/store", "tests/dashboards", "tests/render", "tests/rules"),
    "tests/acceptance",
)
CLONE = Path("srv/clone")
"""Below the system's root."""


def main(arguments: Sequence[str]) -> int:
    """Make the system if it is not there, bring the clone's files, and run the tests; pytest's exit code."""
    try:
        refuse_where_it_cannot_work(effective_user=os.geteuid())
        provide_system(SYSTEM, suite=SUITE, packages=PACKAGES)
        copy_clone(ROOT, SYSTEM / CLONE)
        enter(SYSTEM, CLONE, ["make", "setup"])
        return enter(SYSTEM, CLONE, pytest_command(arguments))
    except (SetupError, OSError) as error:
        print(f"test-debian13: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("test-debian13: stopped", file=sys.stderr)
        return 130


def pytest_command(arguments: Sequence[str]) -> list[str]:
    """The tests that a failover has to pass, or those that were asked for."""
    pytest = [
        *(".venv/bin/pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "loadgroup"),
        *(arguments or TESTS),
    ]
    versions = "haproxy -v | head -n 1; postgres --version; python3 --version"
    script = f'export PATH="$PWD/.cache/parts/bin:$PATH"; {versions}; exec {shlex.join(pytest)}'
    return ["sh", "-c", script]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
