"""How denials of one ISV server are named on the page of metrics: by feature and reason, bounded (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass

from rlm_exporter.rlm.denial_reason import ALL_IN_USE, USUAL, denial_reason

MOST_FEATURES = 1000
"""Of one ISV server. Clients may ask for any name, so somebody's mistake could make any number."""
OTHERS = "(others)"
"""What features beyond that are called."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one counter counts."""

    feature: str
    reason: str


class DenialNames:
    """Knows the features of one ISV server. RLM's names are case-insensitive: the first spelling stays."""

    def __init__(self, wanted: Iterable[str], *, most: int = MOST_FEATURES) -> None:
        """`wanted` are the features that the manifest names."""
        self._most = most
        self._spellings: dict[str, str] = {}
        self._foreseen: set[str] = set()
        self.overflowed = False
        """Whether there have been too many."""
        self._wanted = tuple(self._spelled(each) for each in wanted)

    def foresee(self, products: Iterable[str] = ()) -> tuple[Series, ...]:
        """Series that may be counted in one day and are not known yet: those of the wanted features and of
        these products, which the server has pools of."""
        wanted = [Series(each, reason) for each in self._new(self._wanted) for reason in USUAL]
        return (*wanted, *(Series(each, ALL_IN_USE) for each in self._new(products)))

    def series(self, product: str, why: int) -> Series:
        """Where a denial is counted; `why` is RLM's status code."""
        return Series(self._spelled(product), denial_reason(why))

    def _new(self, products: Iterable[str]) -> list[str]:
        """Those that were not foreseen yet, spelled; nothing for those that are too many."""
        found = []
        for product in products:
            if product.casefold() not in self._foreseen and self._spelled(product) != OTHERS:
                self._foreseen.add(product.casefold())
                found.append(self._spelled(product))
        return found

    def _spelled(self, product: str) -> str:
        key = product.casefold()
        known = self._spellings.get(key)
        if known is not None:
            return known
        if len(self._spellings) >= self._most:
            self.overflowed = True
            return OTHERS
        self._spellings[key] = product
        return product
