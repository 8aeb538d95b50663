"""Brings one server's files in step: write, reread, read back; what RLM then does not show is taken back.

The answer is judged, not rlmreread's exit status, which is documented nowhere.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from rlm_exporter.errors import SyncError
from rlm_exporter.manifest.model import Server
from rlm_exporter.probe.result import Failure
from rlm_exporter.rlm.license_seats import shown_seats
from rlm_exporter.rlm.status import RlmStatus
from rlm_exporter.sync.plan import FilePlan, ServerPlan
from rlm_exporter.sync.ports import Clock, LicenseProbe, Rlmutil, Transport
from rlm_exporter.sync.served import judge_of

OUTPUT_LIMIT = 64 * 1024
PACE = 0.5
"""Seconds between two looks at what came of a reread."""


class Outcome(StrEnum):
    """What became of one server."""

    IN_STEP = "in_step"
    """There was nothing to do."""
    PUSHED = "pushed"
    """Written, reread, and the answer shows what the files grant."""
    REREAD = "reread"
    """The files were right and rlm had not read them; now its answer shows what they grant."""
    WRITTEN = "written"
    """Written, and nobody was told to read it."""
    REFUSED = "refused"
    """Something speaks against it; nothing was written."""
    SILENT = "silent"
    """The server does not answer; nothing was written."""
    UNREACHABLE = "unreachable"
    """Its files could not be read; nothing was written."""
    NOT_SERVED = "not_served"
    """The files are right, and the answer does not show what they grant, after a reread neither."""
    ROLLED_BACK = "rolled_back"
    """The answer did not show what the files grant; the old files are back, and reread."""
    BROKEN = "broken"
    """It went wrong, and so did bringing the old files back."""
    NOT_TRIED = "not_tried"
    """A server before it was rolled back, or is broken."""

    @property
    def is_good(self) -> bool:
        """Whether the server has what the masters say."""
        return self in {Outcome.IN_STEP, Outcome.PUSHED, Outcome.REREAD, Outcome.WRITTEN}


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
        except BaseException as error:
            # Ctrl-C in the middle: no server is left with half of its files.
            trouble = await self._take_back(plan, transport, written, before)
            if written:
                told = "; ".join(trouble) or "what was written there was taken back"
                error.add_note(f"{name}: {told}")
            raise
        if not wrong:
            return Pushed(server=name, outcome=Outcome.PUSHED, detail=said)
        trouble = await self._take_back(plan, transport, written, before)
        outcome = Outcome.BROKEN if trouble else Outcome.ROLLED_BACK
        return Pushed(server=name, outcome=outcome, detail=(*wrong, *said, *trouble))

    async def unserved(self, plan: ServerPlan, *, on: date) -> tuple[str, ...] | Failure:
        """What rlm serves otherwise than the files grant that it has; nothing is done about it."""
        status = await self._ask(plan.server)
        return status if isinstance(status, Failure) else judge_of(plan, on=on)(status)

    async def reread(self, plan: ServerPlan, *, on: date) -> Pushed:
        """Have rlm read the files that it has."""
        wrong, said = await self._reread(plan, on=on)
        outcome = Outcome.NOT_SERVED if wrong else Outcome.REREAD
        return Pushed(server=plan.server.name, outcome=outcome, detail=(*wrong, *said))

    async def _reread(self, plan: ServerPlan, *, on: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the answer lacks in the end, and what rlmreread complained of."""
        judge = judge_of(plan, on=on)
        said = await self._tell(plan.server)
        end = self._clock.monotonic() + self._window.settle.total_seconds()
        while True:
            status = await self._ask(plan.server)
            if isinstance(status, Failure):
                wrong: tuple[str, ...] = (f"no answer after the reread: {status.detail}",)
            else:
                wrong = judge(status)
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
