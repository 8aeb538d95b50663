"""What a look at a server's license files finds, as a function of what stands there."""

from datetime import UTC, datetime

import pytest

from rlm_exporter.sync.drift import FileState, ServerDrift, drift_of, in_words, unread
from rlm_exporter.sync.masters import Masters
from rlm_exporter.sync.plan import plan_server
from tests.sync.folders import cluster, license_file, server

AT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
HOSTID = "0050569a1111"
MASTER = license_file("solver 3.0 permanent 20 sig=1")
LOCKED = license_file("solver 3.0 permanent 20 sig=1", host="rlm1.example.com", hostid=HOSTID)

pytestmark = pytest.mark.row(13)


def drift(
    present: dict[str, bytes | None], *, master: bytes | None = MASTER, hostids: str | None = None
) -> ServerDrift:
    one = server("rlm1")
    plan = None
    if master is not None:
        plan = plan_server(
            cluster(one),
            one,
            masters=Masters(shared={"acme.lic": master}, own={}),
            present=present,
            hostids=hostids,
            on=AT.date(),
        )
    return drift_of("rlm1", plan=plan, present=present, hostids=hostids, at=AT)


def test_a_file_as_its_master_makes_it_is_in_step() -> None:
    found = drift({"acme.lic": MASTER})

    assert (found.in_step, in_words(found), found.foreign) == (True, "", 0)
    assert [(file.name, file.state) for file in found.files] == [("acme.lic", FileState.SAME)]


def test_a_changed_file_is_told_with_what_it_grants() -> None:
    found = drift({"acme.lic": MASTER.replace(b" 20 sig", b" 25 sig")})

    assert found.in_step is False
    assert in_words(found) == (
        "acme.lic is not as its master (acme solver v3.0: count is 25 in the server; 20 in the master)"
    )


def test_a_change_that_grants_the_same_is_told_too() -> None:
    found = drift({"acme.lic": MASTER + b"# mended by hand\n"})

    assert (found.in_step, in_words(found)) == (False, "acme.lic is not as its master")


def test_a_file_that_is_gone_is_missing() -> None:
    assert in_words(drift({})) == "acme.lic is missing"


def test_a_master_that_cannot_come_here_is_told_with_its_reason() -> None:
    found = drift({}, master=MASTER.replace(b"port=5055", b"port=5056"))

    assert found.in_step is False
    assert in_words(found).startswith("acme.lic is missing (line 2: ISV acme has port 5056, and isvPorts")


def test_a_file_without_a_master_is_counted_and_is_no_drift() -> None:
    found = drift({"acme.lic": MASTER, "old.lic": MASTER})

    assert (found.in_step, found.foreign, in_words(found)) == (True, 1, "")


def test_a_foreign_file_that_nobody_can_read_is_shown_and_leaves_the_rest_known() -> None:
    found = drift({"acme.lic": MASTER, "old copy.lic": None}, hostids=HOSTID)

    assert (found.in_step, found.fits_machine, found.foreign, found.trouble) == (True, True, 1, None)
    assert [(file.name, file.detail) for file in found.files] == [
        ("acme.lic", ""),
        ("old copy.lic", "cannot be read"),
    ]


@pytest.mark.parametrize(
    ("printed", "fits"),
    [(f"Hostid of this machine: {HOSTID.upper()} ip=10.0.0.5", True), ("0050569a2222", False), (None, None)],
)
def test_a_host_line_fits_where_the_machine_has_its_id(printed: str | None, fits: bool | None) -> None:
    assert drift({"acme.lic": LOCKED}, master=LOCKED, hostids=printed).fits_machine is fits


def test_what_counts_for_the_machine_is_the_file_that_stands_there() -> None:
    """The master may be right already: rlm starts with what it finds."""
    found = drift({"acme.lic": LOCKED}, master=LOCKED.replace(b"1111", b"2222"), hostids="0050569a2222")

    assert found.fits_machine is False
    assert f"acme.lic, line 1: the hostid {HOSTID} is none of this machine's" in in_words(found)


def test_a_foreign_file_for_another_machine_is_told_too() -> None:
    found = drift({"acme.lic": MASTER, "old.lic": LOCKED}, hostids="0050569a2222")

    assert (found.in_step, found.fits_machine) == (True, False)


def test_without_masters_only_host_ids_are_judged() -> None:
    found = drift({"acme.lic": LOCKED}, master=None, hostids=HOSTID)

    assert (found.in_step, found.fits_machine, found.files) == (None, True, ())


def test_a_file_that_is_none_names_no_machine() -> None:
    assert drift({"acme.lic": MASTER, "x.lic": b"\xff\x00\x81"}, hostids=HOSTID).fits_machine is True


def test_of_a_look_that_failed_nothing_is_known() -> None:
    found = unread("rlm1", "rlm1:/opt/rlm: no answer", at=AT)

    assert (found.in_step, found.fits_machine, in_words(found)) == (None, None, "rlm1:/opt/rlm: no answer")
