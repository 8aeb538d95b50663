"""Hosts that hold seats of one product twice over (pure).

A product may have pools of several versions. Where programs on one host ask for different versions, or find
one pool full, the host takes a seat from each, and a user looks like two. A usage line names the license's
version and no pool, so this shows where the pools differ in version; of two pools with equal name and version
nobody can tell which one a seat came from.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rlm_exporter.rlm.status import Checkout


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleHolder:
    """A host with seats from two pools or more of one product."""

    isv: str | None
    product: str
    host: str
    versions: tuple[str, ...]
    """The licenses' versions, sorted as text."""
    users: tuple[str, ...]


def double_holders(checkouts: Iterable[Checkout]) -> tuple[DoubleHolder, ...]:
    """All such hosts, by ISV, product and host; names are compared as RLM does, regardless of case."""
    held: dict[tuple[str, str, str], list[Checkout]] = {}
    for checkout in checkouts:
        isv = "" if checkout.isv is None else checkout.isv.casefold()
        held.setdefault((isv, checkout.product.casefold(), checkout.host.casefold()), []).append(checkout)
    found = (_holder(lines) for _, lines in sorted(held.items()))
    return tuple(holder for holder in found if len(holder.versions) > 1)


def _holder(lines: list[Checkout]) -> DoubleHolder:
    first = lines[0]
    return DoubleHolder(
        isv=first.isv,
        product=first.product,
        host=first.host,
        versions=tuple(sorted({line.version for line in lines})),
        users=tuple(sorted({line.user for line in lines})),
    )
