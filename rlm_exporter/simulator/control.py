"""The simulator's own switch: changes a running server's mode over a unix socket."""

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from rlm_exporter.errors import RlmExporterError
from rlm_exporter.simulator.mode import Mode

REPLY_LIMIT_SECONDS = 20.0


def set_mode(path: Path, mode: Mode, *, seconds: float = 0.0) -> None:
    """Put the server behind the socket at `path` into `mode`, and return when that is in force.

    `seconds` is the delay of mode `slow`. RlmExporterError if there is no server, or it refuses.
    """
    request = json.dumps({"mode": mode.value, "seconds": seconds}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(REPLY_LIMIT_SECONDS)
            connection.connect(str(path))
            connection.sendall(request)
            with connection.makefile("rb") as replies:
                reply = json.loads(replies.readline() or b'{"error": "no answer"}')
    except OSError as error:
        raise RlmExporterError(f"{path}: no simulated server answers there: {error}") from error
    if "error" in reply:
        raise RlmExporterError(f"{path}: {reply['error']}")


def main(argv: Sequence[str]) -> int:
    """Change the mode of one server: `control PATH MODE [SECONDS]`."""
    parser = argparse.ArgumentParser(
        prog="rlm-ha simulate control",
        description="Changes a running server's mode, over a unix socket.",
        epilog="Example:\n  rlm-ha simulate control rlm1.control no-pools",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", type=Path, help="the server's --control socket")
    parser.add_argument("mode", type=Mode, choices=list(Mode), help="how to behave from now on")
    parser.add_argument("seconds", type=float, nargs="?", default=0.0, help="the delay of mode slow")
    options = parser.parse_args(argv)
    try:
        set_mode(options.path, options.mode, seconds=options.seconds)
    except RlmExporterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
