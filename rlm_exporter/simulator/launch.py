"""How the simulator's programs are started, from whatever folder and environment."""

import shlex
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def python_command(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The argument list that runs `rlm_exporter.simulator.MODULE`'s main.

    `-I -S`: neither the caller's PYTHONPATH nor site-packages take part, which halves the start-up time.
    """
    program = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); "
        f"from rlm_exporter.simulator.{module} import main; sys.exit(main(sys.argv[1:]))"
    )
    return [python, "-I", "-S", "-c", program, *arguments]


def write_rlmutil(path: Path, python: str = sys.executable) -> None:
    """Write an executable `rlmutil` that runs the simulated one."""
    command = shlex.join(python_command("rlmutil", python=python))
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
