"""What an RLM license file says, as frozen values, and what is wrong with it.

Lines count from 1. Signatures are kept to tell whether two files have the same one, and never judged:
that takes the vendor's key.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rlm_exporter.rlm.status import Permanent


class LicenseKind(StrEnum):
    """How a license is counted; only counted and token ones need a server."""

    COUNTED = "counted"
    UNCOUNTED = "uncounted"
    SINGLE = "single"
    """One use on one machine; license servers do not process it."""
    TOKEN = "token"  # noqa: S105 - a kind of license, no secret
    """Defined by another product's licenses."""


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """RLM refuses the file, the statement or the license."""
    WARNING = "warning"
    """RLM takes it, but it breaks a contract or trips an administrator, or we cannot tell."""
    NOTE = "note"
    """Harmless."""


class FindingKind(StrEnum):
    """What may be wrong with a license file."""

    MULTIPLE_HOST = "multiple-host"
    HOSTID_ANY = "hostid-any"
    ISV_ON_HOST_LINE = "isv-on-host-line"
    MISSING_ISV = "missing-isv"
    ISV_WITHOUT_PORT = "isv-without-port"
    PORT_OUT_OF_RANGE = "port-out-of-range"
    UNKNOWN_KEYWORD = "unknown-keyword"
    SIGN_INSTEAD_OF_SIG = "sign-instead-of-sig"
    UNKNOWN_PLATFORM = "unknown-platform"
    DUPLICATE_KEYWORD = "duplicate-keyword"
    DUPLICATE_PRODUCT = "duplicate-product"
    BAD_DATE = "bad-date"
    EXPIRED = "expired"
    EXPIRING = "expiring"
    NOT_YET_VALID = "not-yet-valid"
    FAILOVER_UNCOUNTED = "failover-uncounted"
    PRIMARY_SERVER_LOCALHOST = "primary-server-localhost"
    NOTHING_TO_SERVE = "nothing-to-serve"
    CRLF = "crlf"
    BACKSLASH = "backslash"
    HOST_NOT_BALANCER = "host-not-balancer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault, at the line where its word stands, or at the first line of its statement."""

    kind: FindingKind
    line: int
    severity: Severity
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLine:
    """`HOST name hostid [port]`, also written SERVER; None for what is missing or no port."""

    line: int
    host: str | None
    hostid: str | None
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IsvLine:
    """`ISV name …`, also written DAEMON. Its password is not kept."""

    line: int
    name: str
    port: int | None
    """None = RLM chooses one at each start."""
    binary: str | None = None
    options: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """`name=value` on a license, the name in lower case; a bare word has no value."""

    line: int
    name: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class License:
    """One LICENSE statement, also written FEATURE."""

    line: int
    isv: str
    product: str
    version: str
    expires: date | Permanent | None
    """None where the text is no date."""
    count: int | None
    """None for all but counted ones."""
    kind: LicenseKind | None
    """None where the text is no count."""
    start: date | None = None
    keywords: tuple[Keyword, ...] = ()
    signature: str | None = None
    """Without the blanks and line breaks in it."""

    def value(self, name: str) -> str | None:
        """The first value of a keyword, by its name in lower case."""
        return next((keyword.value for keyword in self.keywords if keyword.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """One UPGRADE statement: it turns seats of an older version into those of a newer one."""

    from_version: str
    license: License
    """The rest of it, under the newer version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLine:
    """`CUSTOMER name isv= server= port= password=`, of RLM Cloud. Its password is not kept."""

    line: int
    name: str
    isv: str | None
    server: str | None
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseFile:
    """All statements of one file, each kind in its order, and the faults of its grammar."""

    hosts: tuple[HostLine, ...] = ()
    isvs: tuple[IsvLine, ...] = ()
    licenses: tuple[License, ...] = ()
    upgrades: tuple[Upgrade, ...] = ()
    customers: tuple[CustomerLine, ...] = ()
    lines: int = 0
    """How many the file has."""
    faults: tuple[Finding, ...] = ()
