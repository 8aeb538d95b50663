"""Whether a server's license files still are what the masters say and its machine can use (pure).

Either matters at the server's next start and shows nothing before, so it has to be looked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.sync.names import Present
from rlm_exporter.sync.plan import FilePlan, ServerPlan, misfit_hostids


class FileState(StrEnum):
    """How one license file stands to its master."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"
    FOREIGN = "foreign"
    """No master has it. RLM loads it all the same, and its seats count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDrift:
    """One license file of one server."""

    name: str
    state: FileState
    detail: str = ""
    """What it grants otherwise than the master does, or why the master cannot come here; of a foreign one
    that it cannot be read. May be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDrift:
    """What one look at a server's license files found."""

    server: str
    at: datetime
    files: tuple[FileDrift, ...] = ()
    in_step: bool | None = None
    """Whether every master's file is there as it ought to be; None where that is not known."""
    fits_machine: bool | None = None
    """Whether every HOST line has a host id of the machine; None where nobody could say."""
    misfits: tuple[str, ...] = ()
    """The HOST lines that have not."""
    trouble: str | None = None
    """What could not be found out, and why."""

    @property
    def foreign(self) -> int:
        """How many files are there that no master has."""
        return sum(file.state is FileState.FOREIGN for file in self.files)


def unread(server: str, trouble: str, *, at: datetime) -> ServerDrift:
    """A look that failed: what was seen before is not known any more."""
    return ServerDrift(server=server, at=at, trouble=trouble)


def drift_of(
    server: str,
    *,
    plan: ServerPlan | None,
    present: Present,
    hostids: str | None,
    trouble: str | None = None,
    at: datetime,
) -> ServerDrift:
    """What these files are to the plan for them; without masters there is none, and only host ids count."""
    misfits = tuple(_misfits(present, hostids))
    files = () if plan is None else (*map(_file_drift, plan.files), *_foreign(plan))
    return ServerDrift(
        server=server,
        at=at,
        files=files,
        in_step=None if plan is None else all(file.after == file.before for file in plan.files),
        fits_machine=None if hostids is None else not misfits,
        misfits=misfits,
        trouble=trouble,
    )


def in_words(drift: ServerDrift) -> str:
    """All that is wrong, in one line; empty where nothing is."""
    differing = [
        f"{file.name} {'is missing' if file.state is FileState.MISSING else 'is not as its master'}"
        + (f" ({file.detail})" if file.detail else "")
        for file in drift.files
        if file.state in {FileState.DIFFERS, FileState.MISSING}
    ]
    return "; ".join((*differing, *drift.misfits, *((drift.trouble,) if drift.trouble else ())))


def _file_drift(file: FilePlan) -> FileDrift:
    if file.before == file.after:
        return FileDrift(name=file.name, state=FileState.SAME)
    state = FileState.MISSING if file.before is None else FileState.DIFFERS
    told = file.errors or file.differences
    return FileDrift(name=file.name, state=state, detail="; ".join(told))


def _foreign(plan: ServerPlan) -> Iterator[FileDrift]:
    for name in plan.foreign:
        detail = "cannot be read" if name in plan.unread else ""
        yield FileDrift(name=name, state=FileState.FOREIGN, detail=detail)


def _misfits(present: Present, hostids: str | None) -> Iterator[str]:
    read = ((name, data) for name, data in sorted(present.items()) if data is not None)
    for name, data in read:
        try:
            parsed = parse_license_file(data)
        except FormatError:
            continue  # whatever it is, it names no host
        for misfit in misfit_hostids(parsed, hostids):
            yield f"{name}, {misfit}"
