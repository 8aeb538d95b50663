"""The license probe: `rlmutil rlmstat -a -c PORT@HOST`, one server a call, judged by its text.

rlmutil's exit status is not documented, so it is extra evidence only.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rlm_exporter.probe import child
from rlm_exporter.probe.ports import Clock
from rlm_exporter.probe.result import Failure, FailureReason, LicenseResult, ProbeKind, ProbeResult
from rlm_exporter.probe.rlmutil_program import RlmutilProgram, first_line
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import ErrorKind, RlmStatus

OUTPUT_LIMIT = 64 * 1024 * 1024
THREAD_LIMIT = 256 * 1024
"""Bytes of answer above which it is parsed in a thread, so that the loop goes on meanwhile."""
SHELL_CANNOT_RUN = frozenset({126, 127})
"""What a wrapper script exits with when it cannot run the real rlmutil."""
PLACES = ("rlmutil", "/opt/rlm/bin/rlmutil", "/opt/rlm/rlmutil")


def find_rlmutil(
    explicit: str | Path | None, environ: Mapping[str, str], which: Callable[[str], str | None]
) -> Path | None:
    """The rlmutil to use: the flag, then RLM_HA_RLMUTIL, then PATH, then /opt/rlm/bin and /opt/rlm.

    A path that somebody named is taken as it is: if it does not run, the probe says so by its name.
    """
    named = explicit or environ.get("RLM_HA_RLMUTIL")
    if named:
        return Path(named).absolute()
    found = next(filter(None, map(which, PLACES)), None)
    return None if found is None else Path(found).absolute()


class RlmutilProbe:
    """Asks rlm through rlmutil. Owns a temporary directory, so it must be closed."""

    def __init__(
        self, *, rlmutil: Path | None, clock: Clock, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._program = RlmutilProgram(rlmutil, environ=environ)
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the working directory; no probe may run any more."""
        self._program.close()

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> LicenseResult:
        """One answer of one server; whatever rlmutil does is a result."""
        started_at, began = self._clock.now(), self._clock.monotonic()
        answer = await self._ask(f"{port}@{host}", timeout)
        return ProbeResult(
            kind=ProbeKind.LICENSE,
            started_at=started_at,
            duration=timedelta(seconds=self._clock.monotonic() - began),
            payload=answer if isinstance(answer, RlmStatus) else None,
            failure=answer if isinstance(answer, Failure) else None,
        )

    async def _ask(self, endpoint: str, timeout: timedelta) -> RlmStatus | Failure:
        arguments = ("rlmstat", "-a", "-c", endpoint)
        ended = await self._program.run(*arguments, timeout=timeout, limit=OUTPUT_LIMIT)
        if isinstance(ended, Failure):
            return ended
        return _cut(ended, timeout) or await _read(ended)


def _cut(ended: child.Ended, timeout: timedelta) -> Failure | None:
    match ended.cut:
        case None:
            return None
        case child.Cut.TIMEOUT:
            detail = f"no whole answer within {timeout.total_seconds():g} s; rlmutil was killed"
            return Failure(reason=FailureReason.TIMEOUT, detail=detail)
        case child.Cut.OVERFLOW:
            detail = f"rlmutil printed over {OUTPUT_LIMIT // 1024 // 1024} MiB and was killed"
            return Failure(reason=FailureReason.GARBAGE, detail=detail)


async def _read(ended: child.Ended) -> RlmStatus | Failure:
    if len(ended.output) > THREAD_LIMIT:
        status = await asyncio.to_thread(parse_rlmstat, ended.output)
    else:
        status = parse_rlmstat(ended.output)
    return _judge(status, ended)


def _judge(status: RlmStatus, ended: child.Ended) -> RlmStatus | Failure:
    """The text decides; only a text that breaks off is believed or not by the exit status."""
    if status.reachable and not (status.error_kind is ErrorKind.TRUNCATED and ended.status != 0):
        return status
    said = first_line(ended.errors) or first_line(ended.output)
    how = f"rlmutil ended with {ended.status}" + (f": {said}" if said else " and printed nothing")
    if status.error_kind is ErrorKind.CONNECT:
        return Failure(reason=FailureReason.NO_ANSWER, detail="rlmutil could not connect to rlm")
    if status.error_kind is ErrorKind.EMPTY and ended.status in SHELL_CANNOT_RUN:
        return Failure(reason=FailureReason.TOOL_MISSING, detail=how)
    return Failure(reason=FailureReason.GARBAGE, detail=f"not a whole answer; {how}")
