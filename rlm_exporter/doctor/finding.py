"""What a check found, as values (pure)."""

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Licenses are not served, or will not be when it matters."""
    WARNING = "warning"
    """It works, and may not for long, or not for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    weight: Weight
    subject: str
    """What it is about: a server, a balancer, a file."""
    what: str
    why: str
    """Why it matters."""
    remedy: str
    """What to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A check that could not be made, or was not asked for."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A check by its name, and what it looks at."""

    name: str
    looks_at: str


Outcome = tuple[Finding, ...] | Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One check and what came of it."""

    about: About
    outcome: Outcome
    seconds: float

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found; nothing where it was skipped."""
        return () if isinstance(self.outcome, Skipped) else self.outcome


def error(subject: str, what: str, *, why: str, remedy: str) -> Finding:
    """A finding that makes the exit code 1."""
    return Finding(weight=Weight.ERROR, subject=subject, what=what, why=why, remedy=remedy)


def warning(subject: str, what: str, *, why: str, remedy: str) -> Finding:
    """A finding that does not."""
    return Finding(weight=Weight.WARNING, subject=subject, what=what, why=why, remedy=remedy)
