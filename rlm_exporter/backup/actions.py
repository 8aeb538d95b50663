"""What a restore would do, thing by thing, and what that is judged by. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.backup.contents import Entry
from rlm_exporter.backup.journal_look import JournalLook
from rlm_exporter.backup.serving import Standing


class Deed(StrEnum):
    """What is done."""

    PUT = "put"
    STORE = "store"
    MOUNT = "mount"
    START = "start"
    BALANCER = "balancer"
    DEPLOY = "deploy"
    DRILL = "drill"


class State(StrEnum):
    """Where it stands."""

    DONE = "done"
    """It is so already."""
    TODO = "todo"
    """It has to be done, and we can."""
    HELD = "held"
    """It is left as it is, on purpose."""
    BLOCKED = "blocked"
    """Somebody has to do it, or the restore ends here."""


STEP: Mapping[Deed, int] = {
    Deed.PUT: 1,
    Deed.STORE: 1,
    Deed.MOUNT: 2,
    Deed.START: 3,
    Deed.BALANCER: 4,
    Deed.DEPLOY: 4,
    Deed.DRILL: 5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing of one step."""

    deed: Deed
    subject: str
    state: State
    text: str
    files: tuple[Entry, ...] = ()

    @property
    def step(self) -> int:
        """The step that it belongs to."""
        return STEP[self.deed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What there is now. What could not be looked at is not in the mappings, and its trouble is told.

    A look for the sake of some steps alone has the rest empty.
    """

    serving: Mapping[str, Standing]
    """By server of the saved manifest: whether its rlm and its ISV servers answer."""
    differing: Mapping[str, tuple[Entry, ...]]
    """By member: what is not as it was saved."""
    mounted: Mapping[tuple[str, str], bool]
    trouble: Mapping[str, str]
    """By member."""
    active: str | None = None
    """Who is active by the daemon."""
    knows_cluster: bool | None = None
    """Whether the daemon looks after the cluster; None where it does not answer."""
    journal: JournalLook | None = None
    """How it stands where the saved journal belongs; None where there is nothing to say about it."""
    failed_checks: tuple[str, ...] | None = None
    """Of the drill; None before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator allows beyond the usual."""

    even_serving: bool = False
    """Whether files of a server that serves are written too. It is not stopped even then."""
    allow_missing: bool = False
    """Whether machines that were saved and that the settings do not have are left out."""
    replace_journal: bool = False
    """Whether the saved journal takes the place of one that is there."""
    journal_was_put: bool = False
    """Whether an earlier run has put it back: what has been written since stays."""
    reload_due: frozenset[str] = frozenset()
    """Balancers whose files were put by a run that did not come to the reload."""


ALL = frozenset(STEP.values())
