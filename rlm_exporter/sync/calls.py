"""One program run for the sake of a server's license files; what goes wrong is a SyncError."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rlm_exporter.errors import SyncError
from rlm_exporter.probe import child
from rlm_exporter.ssh import advice, complaints

OUTPUT_LIMIT = 32 * 1024 * 1024


async def call(
    command: Sequence[str], *, timeout: timedelta, given: bytes = b"", cwd: Path | None = None
) -> bytes:
    """What it wrote to its standard output; it was started without a shell, and ended with 0."""
    program = command[0]
    try:
        ended = await child.run(
            command,
            cwd=cwd or Path.cwd(),
            environment=os.environ,
            timeout=timeout,
            limit=OUTPUT_LIMIT,
            given=given,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise SyncError(f"{program} cannot be started: {why}") from error
    match ended.cut:
        case child.Cut.TIMEOUT:
            raise SyncError(f"{program} did not end within {timeout.total_seconds():g} s and was killed")
        case child.Cut.OVERFLOW:
            raise SyncError(f"{program} wrote more than {OUTPUT_LIMIT // 1024 // 1024} MiB and was killed")
    if ended.status != 0:
        raise SyncError(f"{program} ended with {ended.status}{_told(ended.errors)}")
    return ended.output


def _told(errors: bytes) -> str:
    """Its last words, and what to do about them where they are ssh's."""
    said = errors.decode("utf-8", "replace")
    lines = complaints(said)
    told = f": {' / '.join(lines[-3:])}" if lines else ""
    what = advice(said)
    return told if what is None else f"{told}; {what}"
