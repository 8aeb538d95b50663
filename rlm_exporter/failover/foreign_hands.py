"""Writes down when somebody else has changed which servers a balancer holds."""

import logging

from rlm_exporter.failover.ports import Outside

log = logging.getLogger(__name__)

FOREIGN_HAND = "foreign_hand"
"""The word in the journal; it is no rule: who is held by another hand decides nothing by itself."""

TRIGGER = "balancer"


class ForeignHands:
    """One cluster's balancers, as far as somebody else works there."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._told: dict[str, str] = {}

    async def look(self) -> None:
        """One row for each change; raises JournalError, and the next look tries again."""
        for balancer in self._outside.balancers:
            states = balancer.foreign_hand
            if states is None:
                self._told.pop(balancer.name, None)
            elif self._told.get(balancer.name) != states:
                await self._write_down(f"{balancer.name}: somebody else has changed who is held: {states}")
                self._told[balancer.name] = states

    async def _write_down(self, words: str) -> None:
        log.warning("cluster=%s %s", self._outside.cluster.name, words)
        await self._outside.journal.hold(
            self._outside.cluster.name,
            rule=FOREIGN_HAND,
            trigger=TRIGGER,
            detail=words,
            now=self._outside.clock.now(),
        )
