"""What would be done to a server's files, and what speaks against it."""

from datetime import date
from pathlib import Path

import pytest

from rlm_exporter.errors import SyncError
from rlm_exporter.manifest.model import Cluster, Takeover
from rlm_exporter.sync.masters import Masters, read_masters
from rlm_exporter.sync.plan import Action, ServerPlan, plan_server
from rlm_exporter.sync.served import judge_of
from tests.rlm.test_license_seats import answer, pool
from tests.sync.folders import cluster, license_file, server

DAY = date(2026, 11, 26)
MASTER = license_file("solver 3.0 permanent 20 sig=1")

pytestmark = pytest.mark.row(13)


def plan(
    master: bytes = MASTER,
    *,
    present: dict[str, bytes | None] | None = None,
    own: bytes | None = None,
    hostids: str | None = None,
    site: Cluster | None = None,
) -> ServerPlan:
    site = site or cluster(server("rlm1"), server("rlm2"), balancer="rlm-lb.example.com")
    return plan_server(
        site,
        site.servers[-1],
        masters=Masters(shared={"acme.lic": master}, own={} if own is None else {"rlm2": {"acme.lic": own}}),
        present=present or {},
        hostids=hostids,
        on=DAY,
    )


def test_a_server_without_the_file_gets_it_with_the_balancers_name() -> None:
    (file,) = plan().files

    assert (file.action, file.errors) == (Action.CREATE, ())
    assert file.after == MASTER.replace(b"HOST rlm1.example.com", b"HOST rlm-lb.example.com")


def test_without_a_balancer_it_names_the_server() -> None:
    (file,) = plan(site=cluster(server("rlm1"), server("rlm2"))).files

    assert file.after == MASTER.replace(b"HOST rlm1", b"HOST rlm2")


def test_with_rlms_own_failover_a_standby_has_the_primarys_file_unchanged() -> None:
    site = Cluster(name="site", source="", servers=(server("rlm1"), server("rlm2")), takeover=Takeover.NATIVE)
    master = license_file("solver 3.0 permanent 20 sig=1", hostid="0050569a1111")

    found = plan(master, site=site)

    assert found.files[0].after == master
    assert found.may_wait
    assert not found.refused


def test_a_file_that_is_there_already_is_left_alone() -> None:
    done = plan().files[0].after

    found = plan(present={"acme.lic": done})

    assert found.files[0].action is Action.UNCHANGED
    assert found.in_step


def test_drift_is_told_by_what_the_files_grant() -> None:
    old = plan().files[0].after.replace(b" 20 sig=1", b" 15 sig=1")

    (file,) = plan(present={"acme.lic": old}).files

    assert file.action is Action.CHANGE
    assert file.differences == ("acme solver v3.0: count is 15 in the server; 20 in the master",)


def test_a_difference_in_bytes_alone_is_one_too() -> None:
    old = plan().files[0].after.replace(b"\n", b"\r\n")

    (file,) = plan(present={"acme.lic": old}).files

    assert (file.action, file.differences) == (Action.CHANGE, ())


def test_a_file_that_no_master_has_is_shown_and_left_alone() -> None:
    found = plan(present={"acme (copy).lic": MASTER, "old.dat": b"\0"})

    assert found.foreign == ("acme (copy).lic", "old.dat")
    assert [len(file.licenses) for file in found.others] == [1]


@pytest.mark.parametrize(
    ("master", "words"),
    [
        (b"\0\1", "binary data"),
        (MASTER.replace(b"ISV acme port=5055\n", b""), "no ISV line names acme"),
        (MASTER.replace(b"5055", b"5066"), "has port 5066, and isvPorts of rlm2 says 5055"),
        (MASTER.replace(b" port=5055", b""), "has no port, and isvPorts of rlm2 says 5055"),
        (MASTER.replace(b"ANY", b"0050569a1111"), "put the file that the vendor issued for rlm2"),
        (MASTER.replace(b"permanent", b"tomorrow"), "is no date"),
    ],
    ids=["binary", "no-isv", "other-port", "no-port", "one-machines", "no-date"],
)
def test_what_speaks_against_a_master_is_told_and_nothing_is_written(master: bytes, words: str) -> None:
    found = plan(master)

    assert found.refused
    assert not found.changes
    assert any(words in text for text in found.files[0].errors)


def test_an_expired_license_among_good_ones_holds_nothing_up() -> None:
    found = plan(MASTER + b"LICENSE acme old 1.0 1-jan-2020 5 sig=2\n")

    assert not found.refused
    assert any("2020-01-01" in text for text in found.files[0].warnings)


def test_a_file_of_the_servers_own_stands_in_place_of_the_shared_one() -> None:
    own = license_file("solver 3.0 permanent 20 sig=2", hostid="0050569a2222")

    found = plan(own=own)

    assert not found.refused
    assert b"HOST rlm-lb.example.com 0050569a2222 5053" in found.files[0].after


@pytest.mark.parametrize(
    ("printed", "fits"),
    [
        ("Hostid of this machine: 0050569A2222 7c01\n", True),
        ("ether=0050569a2222?", False),
        ("Hostid of this machine: 0050569a9999\n", False),
        ("", False),
    ],
)
def test_a_host_id_that_no_longer_fits_is_found_before_the_next_restart(printed: str, fits: bool) -> None:
    own = license_file("solver 3.0 permanent 20 sig=2", hostid="0050569a2222")

    found = plan(own=own, hostids=printed)

    assert found.refused is not fits
    if not fits:
        assert "is none of this machine's" in found.files[0].errors[0]


def test_host_ids_of_other_kinds_are_not_judged() -> None:
    own = license_file("solver 3.0 permanent 20 sig=2", hostid="ip=10.1.*.*")

    assert not plan(own=own, hostids="0050569a9999").refused


def test_a_port_that_takes_a_restart_is_warned_of() -> None:
    old = plan().files[0].after.replace(b" 5053\n", b" 5054\n")

    assert any("a reread is not enough" in text for text in plan(present={"acme.lic": old}).files[0].warnings)


def test_a_foreign_file_that_nobody_can_read_leaves_the_others_to_be_brought_and_judged() -> None:
    found = plan(present={"a b.lic": None, "gift.lic": license_file("mesher 1.0 permanent 3 sig=9")})
    pools = pool("solver", 25), pool("mesher", 3), pool("viewer", 1)

    assert (found.foreign, found.unread, found.refused) == (("a b.lic", "gift.lic"), ("a b.lic",), False)
    assert judge_of(found, on=DAY)(answer(*pools)) == ()
    assert judge_of(found, on=DAY)(answer(*pools[:1])) == (
        "acme mesher: there is no pool, and the files grant 3 seats",
    )


def test_a_master_that_rlm_would_pass_over_for_its_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "acme.lic").write_bytes(MASTER)
    (tmp_path / "MORE.LIC").write_bytes(MASTER)

    with pytest.raises(SyncError, match=r"'MORE\.LIC' cannot be .* end it with \.lic"):
        read_masters(tmp_path, servers=["rlm1"])


def test_masters_are_one_folder_with_one_below_it_for_each_server_that_needs_its_own(tmp_path: Path) -> None:
    (tmp_path / "rlm2").mkdir()
    (tmp_path / "acme.lic").write_bytes(b"shared")
    (tmp_path / "notes.txt").write_bytes(b"by mail")
    (tmp_path / "rlm2" / "acme.lic").write_bytes(b"own")

    masters = read_masters(tmp_path, servers=["rlm1", "rlm2"])

    assert masters.of("rlm1") == {"acme.lic": b"shared"}
    assert masters.of("rlm2") == {"acme.lic": b"own"}
    assert [masters.is_shared(name, "acme.lic") for name in ("rlm1", "rlm2")] == [True, False]


def test_masters_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SyncError, match=r"there is no \*\.lic"):
        read_masters(tmp_path, servers=["rlm1"])
    (tmp_path / "rlm9").mkdir()
    with pytest.raises(SyncError, match=r"rlm9: there is no server of that name; the servers are rlm1"):
        read_masters(tmp_path, servers=["rlm1"])
    with pytest.raises(SyncError, match="nowhere: No such file"):
        read_masters(tmp_path / "nowhere", servers=["rlm1"])
