"""Makes `.venv` and `.cache/parts` in this clone: `python3 -m dev.setup`, or `make setup`.

It is quick when nothing changed and may be stopped at any point: what is unfinished is made anew the next
time.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # an older Python must hear why before it reads the rest
    sys.exit("Python 3.11 or newer is needed; choose one with: make PYTHON=python3.11 setup")

import argparse
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.distribution import Distribution
from dev.parts import provide_parts
from dev.python_packages import provide_packages, write_lock
from dev.steps import SetupError, say

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Set this clone up; with `--lock`, write the lock file first."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.setup", description="Set this clone up.")
    parser.add_argument("--lock", action="store_true", help="first write requirements.lock anew")
    parser.add_argument("--upgrade", action="store_true", help="with --lock: take the newest versions")
    options = parser.parse_args()
    try:
        with only_one_at_a_time(ROOT / ".cache"):
            distribution = Distribution(ROOT / ".cache" / "apt")
            if options.lock:
                write_lock(root=ROOT, distribution=distribution, upgrade=options.upgrade)
            provide_packages(root=ROOT, distribution=distribution)
            provide_parts(folder=ROOT / ".cache" / "parts", distribution=distribution)
            distribution.forget()
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


@contextmanager
def only_one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait while another setup works in this clone."""
    folder.mkdir(exist_ok=True)
    with (folder / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another setup in this clone ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
