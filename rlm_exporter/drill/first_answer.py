"""How long a client waits for its first answer, with each server of its list dead in turn. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Death(StrEnum):
    """How a server is gone."""

    MACHINE = "machine"
    """Nothing answers at all, as when it is switched off: the client waits for its connect timeout."""
    PROGRAM = "program"
    """The machine is there and rlm is not: the connection is refused at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One server of the list, asked alone."""

    server: str
    answered: bool
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One server dead in one way; None for the list as it is."""

    dead: str | None
    death: Death | None
    seconds: float
    """Until the first answer, or until the end of the list."""
    answered_by: str | None
    """None where nobody answers."""


def cases(asked: Sequence[Asked], *, cost: dict[Death, float]) -> tuple[Case, ...]:
    """The list as it is, then each server dead in each way. `cost` is what a dead one takes."""
    found = [_case(asked, None, None, cost)]
    for number in range(len(asked)):
        found += [_case(asked, number, death, cost) for death in Death]
    return tuple(found)


def _case(asked: Sequence[Asked], dead: int | None, death: Death | None, cost: dict[Death, float]) -> Case:
    name = None if dead is None else asked[dead].server
    seconds = 0.0
    for number, each in enumerate(asked):
        if number == dead and death is not None:
            seconds += cost[death]
            continue
        seconds += each.seconds
        if each.answered:
            return Case(dead=name, death=death, seconds=seconds, answered_by=each.server)
    return Case(dead=name, death=death, seconds=seconds, answered_by=None)
