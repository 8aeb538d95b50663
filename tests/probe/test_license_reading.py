"""What follows from license files: which features may be missing yet, what each file is called."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rlm_exporter.manifest.model import Feature, Server
from rlm_exporter.probe.license_reading import (
    MOST_DATED,
    LicenseReading,
    granted_where,
    make_reading,
    short_names,
    starts_later,
)
from rlm_exporter.rlm.license_file import parse_license_file

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STARCCM = Feature(name="STARCCM", isv="siemens")
SERVER = Server(name="rlm1", role="primary", host="rlm1.example.com")
HEAD = "HOST rlm1 0123456789ab 5053\nISV siemens\n"


def reading(*licenses: str, failures: tuple[str, ...] = ()) -> LicenseReading:
    """Of one file with these licenses from line 3 on."""
    text = HEAD + "".join(f"LICENSE {each} sig=1\n" for each in licenses)
    return make_reading([("siemens.lic", parse_license_file(text))], failures=failures, at=NOON, before=None)


def begins(of: LicenseReading | None, *, server: Server = SERVER, at: datetime = NOON) -> date | None:
    return starts_later(of, (STARCCM,), server=server, at=at).get(STARCCM)


def place(of: LicenseReading | None) -> str | None:
    return granted_where(of, STARCCM, server=SERVER, at=NOON)


FUTURE = "siemens STARCCM 2023.1 permanent 20 start=1-apr-2026"


@pytest.mark.row(7)
def test_a_feature_whose_license_starts_later_is_not_expected_yet() -> None:
    assert begins(reading(FUTURE)) == date(2026, 4, 1)


EXPECTED = {
    "no file was read": None,
    "no file grants it": reading("siemens NXCAE 2023.1 permanent 20 start=1-apr-2026"),
    "another ISV grants it": reading("lstc STARCCM 2023.1 permanent 20 start=1-apr-2026"),
    "it has no start": reading("siemens STARCCM 2023.1 permanent 20"),
    "it started long ago": reading("siemens STARCCM 2023.1 permanent 20 start=1-jan-2026"),
    "another license is good already": reading(FUTURE, "siemens STARCCM 2022.1 31-dec-2026 20"),
    "its start is no date": reading("siemens STARCCM 2023.1 permanent 20 start=soon"),
}


@pytest.mark.parametrize("of", EXPECTED.values(), ids=EXPECTED)
def test_a_feature_is_expected_where(of: LicenseReading | None) -> None:
    assert begins(of) is None


LATER = {
    "names compare without case": reading("Siemens starccm 2023.1 permanent 20 start=1-apr-2026"),
    "the old license has expired": reading(FUTURE, "siemens STARCCM 2022.1 1-feb-2026 20"),
    "the first of several counts": reading("siemens STARCCM 1.0 permanent 1 start=1-may-2026", FUTURE),
    "another file could not be read": reading(FUTURE, failures=("b.lic: Permission denied",)),
}


@pytest.mark.parametrize("of", LATER.values(), ids=LATER)
def test_a_feature_may_be_missing_where(of: LicenseReading) -> None:
    assert begins(of) == date(2026, 4, 1)


def test_the_start_is_midnight_where_the_server_stands_and_an_hour_for_its_reread() -> None:
    tokyo = Server(name="rlm1", role="primary", host="rlm1.example.com", timezone="Asia/Tokyo")
    midnight = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)

    assert begins(reading(FUTURE), server=tokyo, at=midnight + timedelta(minutes=59)) is not None
    assert begins(reading(FUTURE), server=tokyo, at=midnight + timedelta(minutes=60)) is None


def test_without_a_time_zone_the_day_has_to_have_begun_everywhere() -> None:
    assert begins(reading(FUTURE), at=datetime(2026, 4, 1, 11, 59, tzinfo=UTC)) is not None
    assert begins(reading(FUTURE), at=datetime(2026, 4, 1, 12, 0, tzinfo=UTC)) is None


def test_a_missing_feature_is_told_with_what_the_files_say_of_it() -> None:
    assert place(reading("siemens NXCAE 1.0 permanent 1", "siemens starccm 1.0 permanent 1")) == (
        "granted in siemens.lic:4"
    )
    assert place(reading("siemens STARCCM 1.0 1-jan-2026 1")) == "expired in siemens.lic:3"
    assert place(reading()) == "in no license file"
    assert place(reading(failures=("b.lic: Permission denied",))) is None
    assert place(None) is None


def test_every_license_has_its_place_and_an_upgrade_is_one() -> None:
    text = (
        f"{HEAD}LICENSE siemens A 1.0\n  31-jan-2027 5 sig=1\n"
        "UPGRADE siemens A 1.0 2.0 1-mar-2027 5 sig=2\nLICENSE siemens B 1.0 permanent 1 sig=3\n"
    )
    found = make_reading([("a.lic", parse_license_file(text))], failures=(), at=NOON, before=None)

    assert [(each.place, each.product) for each in found.licenses] == [
        ("a.lic:3", "A"),
        ("a.lic:5", "A"),
        ("a.lic:6", "B"),
    ]
    assert [(each.place, day) for each, day in found.dated()] == [
        ("a.lic:3", date(2027, 1, 31)),
        ("a.lic:5", date(2027, 3, 1)),
    ]


def test_of_too_many_licenses_those_that_end_first_are_shown() -> None:
    later = [f"siemens B{number} 1.0 1-jan-2029 1" for number in range(MOST_DATED)]
    found = reading(*later, "siemens A 1.0 1-jan-2028 1", "siemens C 1.0 permanent 1")

    assert len(found.dated()) == MOST_DATED
    assert found.dated()[0][0].product == "A"
    assert found.left_out == 1
    assert len(found.licenses) == MOST_DATED + 2


def test_a_failed_reading_keeps_when_all_could_last_be_read() -> None:
    first = reading()
    second = make_reading((), failures=("gone",), at=NOON + timedelta(hours=1), before=first)

    assert (first.ok, first.whole_at) == (True, NOON)
    assert (second.ok, second.whole_at, second.licenses) == (False, NOON, ())


def test_files_are_called_by_what_tells_them_apart() -> None:
    assert short_names(("/a/x.lic", "/b/x.lic", "/b/y.lic", "/ab/y.lic", "/z.lic")) == {
        "/a/x.lic": "a/x.lic",
        "/b/x.lic": "b/x.lic",
        "/b/y.lic": "b/y.lic",
        "/ab/y.lic": "ab/y.lic",
        "/z.lic": "z.lic",
    }
    assert short_names(("/x.lic", "/a/x.lic")) == {"/x.lic": "/x.lic", "/a/x.lic": "a/x.lic"}
