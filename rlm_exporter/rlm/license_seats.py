"""What a server's answer has to show for its license files, and where it does not.

RLM may merge licenses into one pool, and writes versions in more than one way, so seats are summed up by ISV
and product. What the files alone do not tell is not judged: the seats of upgrades, replaced, metered and
token licenses, and licenses that begin or end within a day, because midnight is the server's.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from rlm_exporter.rlm.license_failover import FAILOVER_PRODUCTS
from rlm_exporter.rlm.license_values import License, LicenseFile, LicenseKind
from rlm_exporter.rlm.status import RlmStatus

Key = tuple[str, str]
"""ISV and product without case, as RLM compares names."""

_DAY = timedelta(days=1)
_SERVED = frozenset({LicenseKind.COUNTED, LicenseKind.TOKEN})


def granted_seats(files: Iterable[LicenseFile], *, on: date) -> dict[Key, int | None]:
    """Seats by ISV and product; None where there must be a pool of which the number is not known.

    Products whose pools may be there or not are left out, by `unsure_products`.
    """
    read = tuple(files)
    unsure = unsure_products(read, on=on)
    found: dict[Key, int | None] = {}
    for each in _licenses(read):
        key = _key(each.isv, each.product)
        if key in unsure or not _is_good(each, on):
            continue
        seats, before = _seats(each), found.get(key, 0)
        found[key] = None if seats is None or before is None else before + seats
    for upgrade in (upgrade for file in read for upgrade in file.upgrades):
        key = _key(upgrade.license.isv, upgrade.license.product)
        if key in found:
            found[key] = None
    return found


def unsure_products(files: Iterable[LicenseFile], *, on: date) -> frozenset[Key]:
    """Products of which the files do not tell whether there is a pool today."""
    found: set[Key] = set()
    for each in _licenses(files):
        if _is_on_the_edge(each, on):
            found.add(_key(each.isv, each.product))
        replaced = each.value("replace")
        if replaced is not None or any(keyword.name == "replace" for keyword in each.keywords):
            named = (replaced or each.product).split()
            found |= {_key(each.isv, product) for product in (each.product, *named)}
    return frozenset(found)


def misfits(
    granted: Mapping[Key, int | None],
    status: RlmStatus,
    *,
    isvs: Iterable[str],
    unsure: frozenset[Key] = frozenset(),
    may_be_more: bool = False,
) -> tuple[str, ...]:
    """Where the answer does not show what is granted, among the products of these ISVs, in words.

    `may_be_more` = there are license files that nobody could read, so seats beyond what is granted are right.
    """
    wanted = {isv.casefold() for isv in isvs}
    shown = shown_seats(status)
    # What is out when its license goes stays in a pool until it is back.
    held = {_key(pool.isv or "", pool.product) for pool in status.pools if pool.inuse}
    found = [
        _misfit(key, seats, shown, may_be_more=may_be_more)
        for key, seats in sorted(granted.items())
        if key[0] in wanted and key not in unsure
    ]
    for key, seats in () if may_be_more else sorted(shown.items()):
        if key[0] in wanted and seats and not any(key in known for known in (granted, unsure, held)):
            found.append(f"{key[0]} {key[1]}: {_counted(seats)} that no license file grants")
    return tuple(text for text in found if text is not None)


def _misfit(key: Key, seats: int | None, shown: Mapping[Key, int | None], *, may_be_more: bool) -> str | None:
    title = f"{key[0]} {key[1]}"
    if key not in shown:
        grants = "" if seats is None else f", and the files grant {_counted(seats)}"
        return f"{title}: there is no pool{grants}"
    there = shown[key]
    if seats is None or there is None or there == seats or (may_be_more and there > seats):
        return None
    return f"{title}: {_counted(there)}, and the files grant {seats}"


def shown_seats(status: RlmStatus) -> dict[Key, int | None]:
    """Seats by ISV and product as the server has them; None where it does not say how many."""
    found: dict[Key, int | None] = {}
    for pool in status.pools:
        key = _key(pool.isv or "", pool.product)
        before = found.get(key, 0)
        found[key] = None if pool.issued is None or before is None else before + pool.issued
    return found


def _licenses(files: Iterable[LicenseFile]) -> Iterator[License]:
    for file in files:
        for each in file.licenses:
            if each.kind in _SERVED and each.product.lower() not in FAILOVER_PRODUCTS:
                yield each


def _seats(license_: License) -> int | None:
    metered = any(keyword.name.startswith("meter_") for keyword in license_.keywords)
    return None if metered else license_.count


def _is_good(license_: License, on: date) -> bool:
    ended = isinstance(license_.expires, date) and license_.expires < on
    begun = license_.start is None or license_.start <= on
    return begun and not ended and license_.expires is not None


def _is_on_the_edge(license_: License, on: date) -> bool:
    days = (license_.expires, license_.start)
    return any(isinstance(day, date) and abs(day - on) <= _DAY for day in days)


def _key(isv: str, product: str) -> Key:
    return isv.casefold(), product.casefold()


def _counted(seats: int) -> str:
    return "1 seat" if seats == 1 else f"{seats} seats"
