"""Brings one server's files in step: write, reread, read back; what RLM then does not show is taken back.

The answer is judged, not rlmreread's exit status, which is documented nowhere.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from rlm_exporter.errors import SyncError
from rlm_exporter.manifest.model import Server
from rlm_exporter.probe.result import Failure
from rlm_exporter.rlm.license_seats import granted_seats, misfits, shown_seats, unsure_products
from rlm_exporter.rlm.license_values import LicenseFile
from rlm_exporter.rlm.status import RlmStatus
from rlm_exporter.sync.plan import FilePlan, ServerPlan
from rlm_exporter.sync.ports import Clock, LicenseProbe, Rlmutil, Transport

OUTPUT_LIMIT = 64 * 1024
PACE = 0.5
"""Seconds between two looks at what came of a reread."""


class Outcome(StrEnum):
    """What became of one server."""

    IN_STEP = "in_step"
    """There was nothing to do."""
    PUSHED = "pushed"
    """Written, reread, and the answer shows what the files grant."""
    WRITTEN = "written"
    """Written, and nobody was told to read it."""
    REFUSED = "refused"
    """Something speaks against it; nothing was written."""
    SILENT = "silent"
    """The server does not answer; nothing was written."""
    UNREACHABLE = "unreachable"
    """Its files could not be read; nothing was written."""
    ROLLED_BACK = "rolled_back"
    """The answer did not show what the files grant; the old files are back, and reread."""
    BROKEN = "broken"
    """It went wrong, and so did bringing the old files back."""
    NOT_TRIED = "not_tried"
    """A server before it went wrong."""

    @property
    def is_good(self) -> bool:
        """Whether the server has what the masters say."""
        return self in {Outcome.IN_STEP, Outcome.PUSHED, Outcome.WRITTEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """One server, what became of it, and why."""

    server: str
    outcome: Outcome
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long is waited for RLM."""

    answer: timedelta = timedelta(seconds=10)
    """One rlmstat or rlmreread."""
    settle: timedelta = timedelta(seconds=15)
    """From a reread until the answer shows it."""


class Pusher:
    """Pushes to one server after another."""

    def __init__(
        self, *, probe: LicenseProbe, rlmutil: Rlmutil, clock: Clock, window: Window | None = None
    ) -> None:
        self._probe = probe
        self._rlmutil = rlmutil
        self._clock = clock
        self._window = window or Window()

    async def push(self, plan: ServerPlan, transport: Transport, *, reread: bool, on: date) -> Pushed:
        """Do what the plan says; `reread` False = write alone."""
        name = plan.server.name
        if plan.refused:
            return Pushed(server=name, outcome=Outcome.REFUSED)
        if plan.in_step:
            return Pushed(server=name, outcome=Outcome.IN_STEP)
        before: RlmStatus | None = None
        if reread:
            answer = await self._ask(plan.server)
            if isinstance(answer, Failure):
                return Pushed(server=name, outcome=Outcome.SILENT, detail=(answer.detail,))
            before = answer
        written: list[FilePlan] = []
        try:
            for file in plan.changes:
                written.append(file)
                await transport.put(file.name, file.after)
            if not reread:
                return Pushed(server=name, outcome=Outcome.WRITTEN)
            wrong, said = await self._reread(plan, on=on)
        except SyncError as error:
            wrong, said = (str(error),), ()
        except BaseException:
            # Ctrl-C in the middle: no server is left with half of its files.
            await self._take_back(plan, transport, written, before)
            raise
        if not wrong:
            return Pushed(server=name, outcome=Outcome.PUSHED, detail=said)
        trouble = await self._take_back(plan, transport, written, before)
        outcome = Outcome.BROKEN if trouble else Outcome.ROLLED_BACK
        return Pushed(server=name, outcome=outcome, detail=(*wrong, *said, *trouble))

    async def _reread(self, plan: ServerPlan, *, on: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the answer lacks in the end, and what rlmreread complained of."""
        files = _files(plan)
        unsure = unsure_products(files, on=on)
        granted = granted_seats(files, on=on)
        isvs = tuple(isv.name for file in plan.files if file.parsed for isv in file.parsed.isvs)
        said = await self._tell(plan.server)
        end = self._clock.monotonic() + self._window.settle.total_seconds()
        while True:
            status = await self._ask(plan.server)
            if isinstance(status, Failure):
                wrong: tuple[str, ...] = (f"no answer after the reread: {status.detail}",)
            elif plan.may_wait and not status.pools:
                wrong = ()
            else:
                wrong = misfits(granted, status, isvs=isvs, unsure=unsure)
            if not wrong or self._clock.monotonic() + PACE >= end:
                return wrong, said
            await self._clock.sleep(PACE)

    async def _take_back(
        self, plan: ServerPlan, transport: Transport, written: list[FilePlan], before: RlmStatus | None
    ) -> tuple[str, ...]:
        """The old files, and the old answer where there was one; what goes wrong with that."""
        trouble: list[str] = []
        for file in reversed(written):
            try:
                if file.before is None:
                    await transport.remove(file.name)
                else:
                    await transport.put(file.name, file.before)
            except SyncError as error:
                trouble.append(f"{file.name} could not be brought back: {error}")
        if before is not None:
            await self._tell(plan.server)
            trouble += await self._see_again(plan.server, before)
        return tuple(trouble)

    async def _see_again(self, server: Server, before: RlmStatus) -> list[str]:
        """Wait until the server shows the seats that it had."""
        end = self._clock.monotonic() + self._window.settle.total_seconds()
        while True:
            status = await self._ask(server)
            if not isinstance(status, Failure) and shown_seats(status) == shown_seats(before):
                return []
            if self._clock.monotonic() + PACE >= end:
                why = status.detail if isinstance(status, Failure) else "it shows other seats than before"
                return [f"the old files are back, and the server is not as it was: {why}"]
            await self._clock.sleep(PACE)

    async def _tell(self, server: Server) -> tuple[str, ...]:
        """Tell rlm to read its files again; what rlmutil said of it, where that is worth telling."""
        ended = await self._rlmutil.run(
            "rlmreread", "-c", f"{server.port}@{server.host}", timeout=self._window.answer, limit=OUTPUT_LIMIT
        )
        if isinstance(ended, Failure):
            return (ended.detail,)
        lines = ended.output.decode("utf-8", "replace").strip().splitlines()
        last = lines[-1].strip()[:200] if lines else ""
        return () if ended.status == 0 else (f"rlmreread ended with {ended.status}: {last}",)

    async def _ask(self, server: Server) -> RlmStatus | Failure:
        result = await self._probe.probe(server.host, server.port, timeout=self._window.answer)
        if result.payload is not None:
            return result.payload
        assert result.failure is not None  # noqa: S101 - a result has the one or the other
        return result.failure


def _files(plan: ServerPlan) -> tuple[LicenseFile, ...]:
    return (*(file.parsed for file in plan.files if file.parsed is not None), *plan.others)
