"""A vendor's failover license is known by its product, its count and the primary that it names."""

import pytest

from rlm_exporter.rlm.license_failover import LIMITS, FailoverGrant, FailoverKind, failover_grants
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.status import Permanent
from tests.rlm.license_files import GOOD, read


def granted(kind: FailoverKind, primary: str | None, *, isv: str = "a", line: int = 1) -> FailoverGrant:
    return FailoverGrant(line=line, isv=isv, kind=kind, primary=primary, expires=Permanent.PERMANENT)


def test_each_kind_is_told_with_its_primary() -> None:
    assert failover_grants(read("failover-standby")) == (
        granted(FailoverKind.PROCESS, "rlm1.example.com", isv="siemens", line=3),
        granted(FailoverKind.MACHINE, "localhost", isv="siemens", line=4),
    )


def test_ordinary_licenses_grant_none() -> None:
    assert failover_grants(parse_license_file(GOOD)) == ()


@pytest.mark.parametrize(
    ("rest", "primary"),
    [
        ("_primary_server=RLM1.example.com.", "rlm1.example.com"),
        ("_primary_server=5053@rlm1", "rlm1"),
        ("_primary_server=[2001:db8::1]", "2001:db8::1"),
        ("_PRIMARY_SERVER=rlm1", "rlm1"),
        ("_primary_server=", None),
        ("_primary_server=x@rlm1", None),
        ('_primary_server="not a host"', None),
        ("_failover_host=rlm2", None),
    ],
)
def test_reads_the_primary(rest: str, primary: str | None) -> None:
    file = parse_license_file(f"LICENSE a RLM_FAILOVER_SERVER_ACTIVATE 1.0 permanent 1 sig=AB {rest}")
    assert failover_grants(file) == (granted(FailoverKind.ACTIVATED, primary),)


@pytest.mark.parametrize("count", ["0", "uncounted", "single", "token", "many"])
def test_rlm_ignores_one_that_is_not_counted(count: str) -> None:
    file = parse_license_file(f"LICENSE a rlm_failover 1.0 permanent {count} sig=AB _primary_server=b")
    assert failover_grants(file) == ()


def test_every_kind_says_what_it_does_not_cover() -> None:
    assert set(LIMITS) == set(FailoverKind)
