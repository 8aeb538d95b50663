"""How an RLM version words its answers, and with which of the two headings of a pool."""

from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """A version of RLM; `-pool` is a build of the ISV server that prints the pool's number.

    Both headings occur with one version, because the vendor's build of the ISV server decides.
    """

    V9 = "9.1"
    V12 = "12.2"
    V12_POOL = "12.2-pool"
    V15 = "15.2"
    V15_POOL = "15.2-pool"
    V16 = "16.1"
    V16_POOL = "16.1-pool"

    @property
    def wording(self) -> "Wording":
        """What differs."""
        return WORDINGS[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What one version says in its own way."""

    version: str
    build: str
    comm: str = "v1.2"
    numbered: bool = False
    debug_log: str = "Debug log"
    table_port: str = "Port"
    requested_in_usage: bool = False
    """Up to 9 the requested version and the handle stand before the seats."""


WORDINGS = {
    Style.V9: Wording(version="9.1", build="2", comm="v1.1", table_port="port", requested_in_usage=True),
    Style.V12: Wording(version="12.2", build="2"),
    Style.V12_POOL: Wording(version="12.2", build="2", numbered=True),
    Style.V15: Wording(version="15.2", build="3", debug_log="info log"),
    Style.V15_POOL: Wording(version="15.2", build="3", debug_log="info log", numbered=True),
    Style.V16: Wording(version="16.1", build="1", debug_log="info log"),
    Style.V16_POOL: Wording(version="16.1", build="1", debug_log="info log", numbered=True),
}
