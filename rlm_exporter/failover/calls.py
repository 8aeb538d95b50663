"""What a call outside is told, and what came of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rlm_exporter.manifest.model import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """Why hooks and fences are called; as JSON it is what a program or a URL gets."""

    event: str
    """The kind of operation, or `quarantine`."""
    phase: str
    """`before`, `fence` or `after`."""
    cluster: str
    operation: int | None
    """None for a quarantine, which is no operation."""
    epoch: int
    source: Server | None
    """From where clients are moved away; the one that a fence is about."""
    target: Server
    rule: str
    reason: str
    requested_by: str

    def document(self) -> dict[str, str | int | None]:
        """The event as it is sent; keys may be added, and none changes its meaning."""
        source = self.source
        return {
            "event": self.event,
            "phase": self.phase,
            "cluster": self.cluster,
            "operation": self.operation,
            "epoch": self.epoch,
            "from": source.name if source is not None else None,
            "from_host": source.host if source is not None else None,
            "from_port": source.port if source is not None else None,
            "to": self.target.name,
            "to_host": self.target.host,
            "to_port": self.target.port,
            "rule": self.rule,
            "reason": self.reason,
            "requested_by": self.requested_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsEvent:
    """That files with client settings were written; as JSON it is what a program or a URL gets."""

    cluster: str
    active: Server
    servers: tuple[str, ...]
    """`port@host`, as clients are told."""
    files: tuple[tuple[str, str], ...]
    """(path, format) of all of them, whichever was written."""

    def document(self) -> dict[str, object]:
        """The event as it is sent; keys may be added, and none changes its meaning."""
        return {
            "event": "client-settings",
            "phase": "after",
            "cluster": self.cluster,
            "active": self.active.name,
            "active_host": self.active.host,
            "active_port": self.active.port,
            "servers": list(self.servers),
            "files": [{"path": path, "format": form} for path, form in self.files],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What came of a call outside."""

    went_well: bool
    detail: str = ""
    """What went wrong, or what is worth knowing of a success."""


def sum_up(attempts: Sequence[Called], *, allowed: int) -> Called:
    """What came of all attempts at one call: the last one decides, and the detail tells of each."""
    last = attempts[-1]
    if allowed == 1:
        return last
    told: list[str] = []
    number = 0
    for words, run in groupby(attempts, key=lambda each: each.detail or "went well"):
        first, number = number + 1, number + len(list(run))
        which = f"attempt {number}" if first == number else f"attempts {first} to {number}"
        told.append(f"{which} of {allowed}: {words}")
    needed = len(attempts) > 1 or last.detail
    return Called(went_well=last.went_well, detail="; ".join(told) if needed else "")
