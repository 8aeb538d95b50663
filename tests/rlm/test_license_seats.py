"""Whether a server's answer shows what its license files grant."""

from datetime import date

import pytest

from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_seats import granted_seats, misfits, unsure_products
from rlm_exporter.rlm.status import Pool, RlmStatus

DAY = date(2026, 11, 26)
HEAD = "HOST rlm1 ANY 5053\nISV acme port=5055\n"

pytestmark = pytest.mark.row(13)


def granted(*lines: str) -> dict[tuple[str, str], int | None]:
    text = HEAD + "".join(f"LICENSE acme {line} sig=1\n" for line in lines)
    return granted_seats([parse_license_file(text)], on=DAY)


def pool(product: str, count: int | None, *, version: str = "1.0", inuse: int = 0, reserved: int = 0) -> Pool:
    return Pool(
        isv="acme",
        product=product,
        version=version,
        pool=None,
        count=count,
        reservations=reserved,
        inuse=inuse,
        expires=None,
        uncounted=False,
        token=count is None,
        total_checkouts=0,
    )


def answer(*pools: Pool) -> RlmStatus:
    return RlmStatus(
        reachable=True,
        error_kind=None,
        server=None,
        isvs=(),
        counters=(),
        pools=pools,
        checkouts=(),
        warnings=(),
    )


def test_seats_of_one_product_add_up_over_lines_versions_and_files() -> None:
    file = parse_license_file(HEAD + "LICENSE acme solver 2.0 permanent 3 sig=2\n")
    first = parse_license_file(HEAD + "LICENSE ACME Solver 3.0 permanent 5 sig=1\n")

    assert granted_seats([first, file], on=DAY) == {("acme", "solver"): 8}


@pytest.mark.parametrize(
    ("line", "seats"),
    [
        ("solver 1.0 permanent 5", {("acme", "solver"): 5}),
        ("solver 1.0 1-jan-2020 5", {}),
        ("solver 1.0 permanent 5 start=1-jan-2030", {}),
        ("solver 1.0 permanent uncounted hostid=any", {}),
        ("solver 1.0 permanent single", {}),
        ("rlm_failover 1.0 permanent 1 _primary_server=rlm1", {}),
        ("solver 1.0 permanent 100 meter_type=1", {("acme", "solver"): None}),
        ("solver 1.0 permanent token_locked", {("acme", "solver"): None}),
        ("solver 1.0 26-nov-2026 5", {}),
        ("solver 1.0 permanent 5 replace=old", {}),
    ],
)
def test_what_is_expected_of_a_line(line: str, seats: dict[tuple[str, str], int | None]) -> None:
    assert granted(line) == seats


def test_the_seats_of_an_upgraded_product_are_not_known_but_that_there_are_some_is() -> None:
    text = f"{HEAD}LICENSE acme solver 1.0 permanent 5 sig=1\nUPGRADE acme solver 1.0 2.0 permanent 2 sig=2\n"

    assert granted_seats([parse_license_file(text)], on=DAY) == {("acme", "solver"): None}


@pytest.mark.parametrize(
    ("pools", "told"),
    [
        ((pool("solver", 20),), ()),
        ((pool("Solver", 15, reserved=5),), ()),
        ((pool("solver", 8), pool("solver", 12, version="2.0")), ()),
        ((pool("solver", None),), ()),
        ((), ("acme solver: there is no pool, and the files grant 20 seats",)),
        ((pool("solver", 40),), ("acme solver: 40 seats, and the files grant 20",)),
        ((pool("solver", 20), pool("new", 1)), ("acme new: 1 seat that no license file grants",)),
        ((pool("solver", 20), pool("gone", 1, inuse=1)), ()),
        ((pool("solver", 20), pool("gone", 0)), ()),
    ],
    ids=["fits", "reserved", "two-pools", "unknown", "missing", "doubled", "extra", "still-out", "empty"],
)
def test_where_the_answer_is_another(pools: tuple[Pool, ...], told: tuple[str, ...]) -> None:
    assert misfits({("acme", "solver"): 20}, answer(*pools), isvs=["ACME"]) == told


def test_where_a_file_could_not_be_read_more_seats_are_right_and_fewer_are_not() -> None:
    granted: dict[tuple[str, str], int | None] = {("acme", "solver"): 20, ("acme", "mesher"): 5}
    pools = answer(pool("solver", 25), pool("mesher", 4), pool("viewer", 3))

    assert misfits(granted, pools, isvs=["acme"], may_be_more=True) == (
        "acme mesher: 4 seats, and the files grant 5",
    )


def test_other_isvs_and_products_near_midnight_are_not_judged() -> None:
    file = parse_license_file(f"{HEAD}LICENSE acme solver 1.0 27-nov-2026 5 sig=1\n")
    unsure = unsure_products([file], on=DAY)

    assert misfits({}, answer(pool("solver", 5)), isvs=["acme"], unsure=unsure) == ()
    assert misfits({("other", "x"): 3}, answer(), isvs=["acme"]) == ()
