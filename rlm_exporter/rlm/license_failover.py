"""Which failover of RLM's own a license file grants.

A vendor grants it by one of three counted licenses in a file of the standby; which one decides what has to
be down before the standby serves the primary's licenses. RLM ignores one that is not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.address import parse_endpoint, same_host
from rlm_exporter.rlm.license_values import License, LicenseFile, LicenseKind
from rlm_exporter.rlm.status import Permanent


class FailoverKind(StrEnum):
    """The three products; the names are RLM's."""

    MACHINE = "rlm_failover"
    """Takes over when the primary's machine is down."""
    PROCESS = "rlm_failover_server"
    """Takes over when the primary's rlm is down."""
    ACTIVATED = "rlm_failover_server_activate"
    """As the latter, after an activation over the Internet."""


LIMITS: Mapping[FailoverKind, str] = {
    FailoverKind.MACHINE: "does not act while the primary's machine runs, so not on a dead rlm or ISV server",
    FailoverKind.PROCESS: "does not act while the primary's rlm runs, so not on a dead ISV server",
    FailoverKind.ACTIVATED: "does not act before it is activated over the Internet,"
    " nor while the primary's rlm runs",
}
"""What each kind does not cover."""

FAILOVER_PRODUCTS = frozenset(kind.value for kind in FailoverKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverGrant:
    """One primary that the server of this file may stand in for."""

    line: int
    isv: str
    kind: FailoverKind
    primary: str | None
    """The host it watches; None where `_primary_server` is missing or no host."""
    expires: date | Permanent | None
    """None where the text is no date."""


def failover_grants(file: LicenseFile) -> tuple[FailoverGrant, ...]:
    """Those that RLM would use, if it accepts their signatures and dates."""
    return tuple(
        FailoverGrant(
            line=license_.line,
            isv=license_.isv,
            kind=FailoverKind(license_.product.lower()),
            primary=primary_host(license_),
            expires=license_.expires,
        )
        for license_ in file.licenses
        if license_.product.lower() in FAILOVER_PRODUCTS and license_.kind is LicenseKind.COUNTED
    )


def primary_host(license_: License) -> str | None:
    """The host of `_primary_server=[port@]host`, in one spelling."""
    text = license_.value("_primary_server")
    if not text:
        return None
    try:
        return same_host(parse_endpoint(text if "@" in text else f"5053@{text}").host)
    except FormatError:
        return None
