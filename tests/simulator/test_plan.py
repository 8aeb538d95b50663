"""The argument that describes an ISV server."""

from argparse import ArgumentTypeError
from datetime import date

import pytest

from rlm_exporter.rlm.status import Permanent
from rlm_exporter.simulator.plan import NEW_AT_EACH_START, IsvPlan, ProductPlan, expiry_text, parse_isv

ARGUMENT = "siemens:49152=STARCCM:2023.1000:20:31-jan-2026,NXCAE:2023.1000:10:permanent"


def test_reads_name_port_and_pools() -> None:
    assert parse_isv(ARGUMENT) == IsvPlan(
        name="siemens",
        port=49152,
        products=(
            ProductPlan(product="STARCCM", version="2023.1000", count=20, expires=date(2026, 1, 31)),
            ProductPlan(product="NXCAE", version="2023.1000", count=10, expires=Permanent.PERMANENT),
        ),
    )


def test_a_license_without_an_expiry_is_permanent() -> None:
    assert parse_isv("a:1=X:1.0:2").products[0].expires is Permanent.PERMANENT


def test_port_0_is_another_one_at_each_start() -> None:
    assert parse_isv("a:0=X:1.0:2").port == NEW_AT_EACH_START


def test_prints_days_without_a_leading_zero() -> None:
    assert expiry_text(date(2024, 7, 1)) == "1-jul-2024"


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("siemens", "expected"),
        ("siemens=STARCCM:1:2", "expected"),
        (":1=STARCCM:1:2", "expected"),
        ("siemens:=STARCCM:1:2", "is not a port"),
        ("siemens:1=STARCCM:NaN:2", "is not a version"),
        ("siemens:65536=STARCCM:1:2", "is not a port"),
        ("siemens:1=STARCCM:1", "PRODUCT:VERSION:COUNT"),
        ("siemens:1=STARCCM:1:many", "PRODUCT:VERSION:COUNT"),
        ("siemens:1=STARCCM:one:2", "is not a version"),
        ("siemens:1=STARCCM:1:2:tomorrow", "is not a date"),
        ("siemens:1=STARCCM:1:2:31-feb-2026", "is not a date"),
    ],
)
def test_says_what_is_wrong_with(argument: str, complaint: str) -> None:
    with pytest.raises(ArgumentTypeError, match=complaint):
        parse_isv(argument)
