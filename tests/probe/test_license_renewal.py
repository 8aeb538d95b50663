"""A license that ends is renewed by one that begins then, with as many seats, and by nothing less."""

from datetime import date
from typing import Any

import pytest

from rlm_exporter.probe.license_reading import PlacedLicense
from rlm_exporter.probe.license_renewal import renewals
from rlm_exporter.rlm.license_values import LicenseKind
from rlm_exporter.rlm.status import Permanent

OLD = {"place": "acme.lic:3", "expires": date(2026, 1, 31), "start": None}
NEW = {"place": "acme.lic:4", "expires": date(2027, 1, 31), "start": date(2026, 2, 1)}

pytestmark = pytest.mark.row(13)


def license_(**changes: Any) -> PlacedLicense:
    return PlacedLicense(**{"isv": "acme", "product": "solver", "version": "3.0", "count": 10, **changes})


def renewed(*others: dict[str, Any], **old: Any) -> dict[str, str]:
    found = renewals([license_(**{**OLD, **old}), *(license_(**each) for each in others)])
    return {place: new.place for place, new in found.items()}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"count": 20},
        {"version": "3.1"},
        {"version": "10.0"},
        {"expires": Permanent.PERMANENT},
        {"start": date(2026, 1, 24)},
        {"product": "SOLVER", "isv": "Acme"},
    ],
)
def test_what_goes_on_when_it_ends_is_a_renewal(change: dict[str, Any]) -> None:
    assert renewed({**NEW, **change}) == {"acme.lic:3": "acme.lic:4"}


@pytest.mark.parametrize(
    "change",
    [
        {"start": None},
        {"start": date(2026, 2, 2)},
        {"start": date(2026, 1, 23)},
        {"start": date(2025, 6, 1)},
        {"kind": LicenseKind.UNCOUNTED},
        {"conditions": frozenset({("hostid", "0050560000bb")})},
        {"is_upgrade": True},
        {"count": 9},
        {"count": None},
        {"version": "2.9"},
        {"version": "beta"},
        {"product": "mesher"},
        {"isv": "other"},
        {"expires": date(2026, 1, 31)},
        {"expires": None},
    ],
)
def test_what_leaves_somebody_without_a_seat_is_none(change: dict[str, Any]) -> None:
    assert renewed({**NEW, **change}) == {}


def test_it_is_one_also_once_it_has_begun() -> None:
    """Nothing here depends on the day on which it is asked."""
    assert renewed({**NEW, "start": date(2026, 1, 30)}) == {"acme.lic:3": "acme.lic:4"}


def test_a_second_lot_that_is_good_already_renews_nothing() -> None:
    """Ten seats become five when the first lot ends, whatever day of issue the second has."""
    assert renewed({**NEW, "start": date(2025, 12, 31)}) == {}


def test_an_end_at_the_edge_of_what_a_date_can_be_is_no_trouble() -> None:
    early, late = date.min, date.max

    assert renewed({**NEW, "expires": early}, expires=early) == {}
    assert renewed({**NEW, "start": late}, expires=late) == {}


def test_one_renewal_renews_one_license() -> None:
    second = {**OLD, "place": "acme.lic:9"}

    assert renewed(second, NEW) == {"acme.lic:3": "acme.lic:4"}
    assert set(renewed(second, NEW, {**NEW, "place": "acme.lic:5"})) == {"acme.lic:3", "acme.lic:9"}


def test_seats_are_added_up() -> None:
    """What was sold in two lots may be renewed in one, and the other way round."""
    second = {**OLD, "place": "acme.lic:9", "count": 2}

    assert set(renewed(second, {**NEW, "count": 12})) == {"acme.lic:3", "acme.lic:9"}
    assert set(renewed({**NEW, "count": 4}, {**NEW, "count": 6, "place": "acme.lic:5"})) == {"acme.lic:3"}
    assert set(renewed(second, {**NEW, "count": 2}, {**NEW, "place": "acme.lic:5"})) == {
        "acme.lic:3",
        "acme.lic:9",
    }


def test_renewals_make_a_chain() -> None:
    after = {"place": "acme.lic:5", "expires": Permanent.PERMANENT, "start": date(2027, 2, 1)}

    assert renewed(NEW, after) == {"acme.lic:3": "acme.lic:4", "acme.lic:4": "acme.lic:5"}


def test_what_is_not_counted_renews_what_is_not_counted() -> None:
    assert renewed({**NEW, "count": None}, count=None) == {"acme.lic:3": "acme.lic:4"}
