"""Pools out of license files, as rlm makes them: every `*.lic` of a folder counts, and all seats add up."""

from collections.abc import Iterator
from pathlib import Path

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_values import License, LicenseKind
from rlm_exporter.simulator.plan import ProductPlan

REFUSED = "bad"
"""A signature that begins so is not good; any other is."""


def licensed_products(folder: Path, *, isv: str) -> tuple[ProductPlan, ...]:
    """The pools of one ISV server; none where there is no such folder. Raises OSError where it is unreadable.

    A file that is no license file is passed over, as RLM does it.
    """
    return tuple(
        ProductPlan(product=each.product, version=each.version, count=each.count, expires=each.expires)
        for each in _licenses(folder)
        if each.isv.casefold() == isv.casefold()
        and each.kind is LicenseKind.COUNTED
        and each.count is not None
        and each.expires is not None
        and not (each.signature or REFUSED).startswith(REFUSED)
    )


def _licenses(folder: Path) -> Iterator[License]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.endswith(".lic"):
            try:
                yield from parse_license_file(path.read_bytes()).licenses
            except FormatError:
                continue
