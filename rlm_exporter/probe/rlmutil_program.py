"""rlmutil itself: the one program that speaks RLM's protocol, run with what makes it behave.

It waits up to 10 s for a dead host unless RLM_CONNECT_TIMEOUT says otherwise (5 s at the least), so the limit
that counts is ours. Without `-c` it would look for `*.lic` in its working directory, so that is an empty one.
"""

import errno
import os
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rlm_exporter.probe import child
from rlm_exporter.probe.result import Failure, FailureReason

MISSING = (
    "no rlmutil found: give its path with --rlmutil or RLM_HA_RLMUTIL, or put it on PATH or into /opt/rlm/bin"
)


class RlmutilProgram:
    """Runs rlmutil. Owns a temporary directory, so it must be closed."""

    def __init__(self, rlmutil: Path | None, *, environ: Mapping[str, str] = os.environ) -> None:
        """`rlmutil` None = there is none, and every run says so."""
        self._rlmutil = rlmutil
        self._directory = tempfile.TemporaryDirectory(prefix="rlm-ha-rlmutil-")
        self._environment = {
            "PATH": environ.get("PATH", os.defpath),
            "HOME": environ.get("HOME", self._directory.name),
            "LANG": "C",
            "RLM_CONNECT_TIMEOUT": "5",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the working directory; nothing may run any more."""
        self._directory.cleanup()

    async def run(self, *arguments: str, timeout: timedelta, limit: int) -> child.Ended | Failure:
        """What it said within the time and `limit` bytes; a failure where it cannot be started."""
        if self._rlmutil is None:
            return Failure(reason=FailureReason.TOOL_MISSING, detail=MISSING)
        try:
            return await child.run(
                [str(self._rlmutil), *arguments],
                cwd=self._working_directory(),
                environment=self._environment,
                timeout=timeout,
                limit=limit,
            )
        except OSError as error:
            return _cannot_start(self._rlmutil, error)

    def _working_directory(self) -> Path:
        """Made anew where a cleaner of old temporary files took it: it is empty, and untouched for weeks."""
        directory = Path(self._directory.name)
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory


def first_line(text: bytes) -> str:
    """The first line of what it said, at a length for people."""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[0].strip()[:200] if lines else ""


def _cannot_start(rlmutil: Path, error: OSError) -> Failure:
    if error.errno == errno.ENOENT and rlmutil.exists():
        detail = (
            f"{rlmutil} is there, but not the loader or interpreter that it asks for (see `file {rlmutil}`)"
        )
        return Failure(reason=FailureReason.TOOL_MISSING, detail=detail)
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENOEXEC, errno.EISDIR}:
        detail = f"{rlmutil} cannot be run: {error.strerror}"
        return Failure(reason=FailureReason.TOOL_MISSING, detail=detail)
    return Failure(reason=FailureReason.LOCAL, detail=f"cannot start {rlmutil}: {error.strerror or error}")
