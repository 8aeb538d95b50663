"""What the exit codes of `rlm-ha` mean; scripts rely on them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Why the command ended."""

    DONE = 0
    FAILED = 1
    """It failed, or what was asked about is unhealthy."""
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    """The daemon thinks it unsafe, or the situation is another than the operator believes."""
    UNREACHABLE = 5
    """The daemon, or something that it needs, cannot be reached."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""
