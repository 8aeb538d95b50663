"""What a restore finds where the journal belongs. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Found(StrEnum):
    """What is there."""

    NONE = "none"
    """No journal."""
    SAVED = "saved"
    """The saved one, and nothing has been written since."""
    OTHER = "other"
    """A journal that is not as it was saved."""
    APART = "apart"
    """The saved one is for another place; it is left to the operator."""
    UNUSABLE = "unusable"
    """The saved one cannot be put there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLook:
    """How it stands."""

    found: Found
    detail: str = ""
    """What the other journal holds, or why the saved one cannot be put there."""
    used_by: str = ""
    """Who is at work on it; empty where nobody is."""


Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Gives the rows of a query."""


def described(ask: Ask) -> str:
    """What a journal holds that a restore would take away, in words; the same on every database."""
    clusters = ask("SELECT name, epoch FROM cluster ORDER BY name")
    told = [f"{name} under epoch {epoch}" for name, epoch in clusters[:3]] or ["no cluster"]
    told += [f"{len(clusters) - 3} more"] if len(clusters) > 3 else []
    ((begun,),) = ask("SELECT count(*) FROM operation WHERE state = 'open'")
    told += [f"{begun} operation{'s' if begun > 1 else ''} not ended"] if begun else []
    return "it holds " + ", ".join(told)
