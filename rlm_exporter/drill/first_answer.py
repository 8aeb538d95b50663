"""How long a client waits for its first answer, with each server of its list dead in turn. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.rlm.address import same_host


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
    """The list as it is, then each server dead in each way. `cost` is what a dead one takes.

    With a machine all its servers are gone, and with a server each place of the list where it stands.
    """
    found = [_case(asked, None, frozenset(), None, cost)]
    for server in dict.fromkeys(each.server for each in asked):
        for death in Death:
            gone = frozenset(each.server for each in asked if _goes(each.server, server, death))
            found.append(_case(asked, server, gone, death, cost))
    return tuple(found)


def _goes(one: str, dead: str, death: Death) -> bool:
    if death is Death.MACHINE:
        return same_host(_host(one)) == same_host(_host(dead))
    return one == dead


def _host(server: str) -> str:
    return server.rpartition("@")[2].strip("[]")


def _case(
    asked: Sequence[Asked],
    dead: str | None,
    gone: frozenset[str],
    death: Death | None,
    cost: dict[Death, float],
) -> Case:
    seconds = 0.0
    for each in asked:
        if each.server in gone and death is not None:
            seconds += cost[death]
            continue
        seconds += each.seconds
        if each.answered:
            return Case(dead=dead, death=death, seconds=seconds, answered_by=each.server)
    return Case(dead=dead, death=death, seconds=seconds, answered_by=None)
