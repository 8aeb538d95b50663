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


def write_rlmutil(
    path: Path, python: str = sys.executable, *, version: str | None = None, status: int | None = None
) -> None:
    """Write an executable `rlmutil` that runs the simulated one.

    `version` is what it says it is, `status` its exit status on failures; without them the caller's
    environment decides.
    """
    settings = {"RLM_SIMULATED_VERSION": version, "RLM_SIMULATED_STATUS": status}
    exports = "".join(f"export {name}={value}\n" for name, value in settings.items() if value is not None)
    command = shlex.join(python_command("rlmutil", python=python))
    path.write_text(f'#!/bin/sh\n{exports}exec {command} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
