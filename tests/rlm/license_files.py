"""The license files of the tests, and short ones put together for a single question."""

from datetime import date
from pathlib import Path

from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_findings import find_faults
from rlm_exporter.rlm.license_values import Finding, LicenseFile

DATA = Path(__file__).parent.parent / "data" / "license"
FILES = sorted(DATA.glob("*.lic"))
TODAY = date(2027, 6, 15)

HOST = "HOST rlm1.example.com 0123456789ab 5053"
ISV = "ISV siemens port=5055"
LICENSE = "LICENSE siemens STARCCM 2027.1 permanent 20 sig=60PG4510KTXV"
GOOD = "\n".join((HOST, ISV, LICENSE, ""))
"""Nothing is wrong with this one."""


def read(name: str) -> LicenseFile:
    """A file of the folder."""
    return parse_license_file((DATA / f"{name}.lic").read_bytes())


def faults(
    text: str | bytes, *, strict: bool = False, balancers: tuple[str, ...] = ()
) -> tuple[Finding, ...]:
    """All that is found in a text, judged on 15 June 2027."""
    return find_faults(parse_license_file(text), as_of=TODAY, strict=strict, balancers=balancers)


def kinds(text: str | bytes) -> list[str]:
    """The kinds of what is found in a text, by line."""
    return [finding.kind.value for finding in faults(text)]
