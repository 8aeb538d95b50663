"""Programs that we start, and that must not outlive us. Linux alone."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def die_with_parent() -> None:
    """For `preexec_fn`: kill the program when the thread that started it ends, by SIGKILL of us too.

    It runs between fork and exec: no lock is taken here and nothing imported, so other threads do not matter.
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
