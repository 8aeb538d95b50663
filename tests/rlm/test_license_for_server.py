"""One server's file out of a master: its own HOST line, and every other byte as the vendor sent it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.license_compare import compare
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_for_server import HostName, is_locked, license_for_server

MASTER = b"""\
# as it came by mail
HOST rlm1.example.com ANY 5053
HOST rlm2.example.com ANY 5053
ISV siemens port=5055

LICENSE siemens STARCCM 2023.1000 permanent 20 sig="60B4 59C9
  0C71" platforms="x64_l  x64_w"
"""
BALANCER = HostName(host="rlm-lb.example.com", port=5063, own=("rlm2.example.com", "rlm2"))

pytestmark = pytest.mark.row(13)


def test_one_host_line_stays_and_names_the_balancer() -> None:
    assert license_for_server(MASTER, BALANCER) == MASTER.replace(
        b"HOST rlm1.example.com ANY 5053\nHOST rlm2.example.com ANY 5053\n",
        b"HOST rlm-lb.example.com ANY 5063\n",
    )


def test_line_ends_of_windows_and_a_missing_last_one_stay() -> None:
    master = MASTER.replace(b"\n", b"\r\n").removesuffix(b"\r\n")

    made = license_for_server(master, BALANCER)

    assert made.startswith(b"# as it came by mail\r\nHOST rlm-lb.example.com ANY 5063\r\nISV")
    assert made.endswith(b'platforms="x64_l  x64_w"')


def test_a_server_gets_the_hostid_that_was_signed_for_it() -> None:
    master = MASTER.replace(b"rlm1.example.com ANY", b"rlm1.example.com 0050569a1111").replace(
        b"rlm2.example.com ANY", b"RLM2.example.com. 0050569a2222"
    )

    assert b"HOST rlm-lb.example.com 0050569a2222 5063\n" in license_for_server(master, BALANCER)


def test_nobody_gets_a_hostid_that_was_signed_for_another() -> None:
    master = MASTER.replace(b"rlm1.example.com ANY", b"rlm1.example.com 0050569a1111").replace(
        b"rlm2.example.com ANY", b"rlm3.example.com 0050569a3333"
    )

    with pytest.raises(FormatError, match=r"HOST lines \(rlm1.*rlm3.*\) .* none names rlm2"):
        license_for_server(master, BALANCER)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "has no HOST line"),
        (b"HOST rlm2.example.com\n", "line 1: the HOST line has no hostid"),
        (b"HOST rlm2.example.com ANY\n  5053\n", "line 1: this HOST line cannot be exchanged"),
        (b"HOST rlm2.example.com ANY 5053 ISV siemens\n", "line 1: this HOST line cannot be exchanged"),
    ],
    ids=["none", "no-hostid", "two-lines", "isv-beside"],
)
def test_what_cannot_be_exchanged_is_refused_with_its_place(line: bytes, words: str) -> None:
    master = line + b"LICENSE siemens STARCCM 2023.1000 permanent 20 sig=60\n"

    with pytest.raises(FormatError, match=words):
        license_for_server(master, BALANCER)


def test_a_file_that_no_server_serves_stays_as_it_is() -> None:
    master = b"LICENSE siemens VIEWER 1.0 permanent uncounted hostid=any sig=1\n"

    assert license_for_server(master, BALANCER) == master


def test_a_file_for_one_machine_is_told_from_one_for_every_machine() -> None:
    one = MASTER.replace(b"HOST rlm2.example.com ANY 5053\n", b"")

    assert not is_locked(parse_license_file(MASTER))
    assert not is_locked(parse_license_file(one))
    assert is_locked(parse_license_file(one.replace(b"ANY", b"0050569a1111")))


@given(
    st.lists(
        st.sampled_from(
            [
                b"ISV siemens port=5055",
                b"LICENSE siemens STARCCM 2023.1000 permanent 20 sig=60",
                b'LICENSE siemens NX 1.0 1-jan-2030 5 sig="a\n b" _note="HOST x"',
                b"UPGRADE siemens NX 1.0 2.0 permanent 3 sig=7",
                b"# HOST nobody ANY 1",
                b"",
                b"HOST rlm1.example.com ANY 5053",
                b"server rlm2.example.com any",
            ]
        ),
        max_size=12,
    ),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_nothing_but_host_lines_ever_changes(statements: list[bytes], end: bytes) -> None:
    master = end.join([b"HOST rlm1.example.com ANY 5053", *statements]) + end

    made = license_for_server(master, BALANCER)

    hosts = (b"host", b"server")
    kept = [line for line in master.splitlines(keepends=True) if not line.lower().startswith(hosts)]
    assert [line for line in made.splitlines(keepends=True) if not line.lower().startswith(hosts)] == kept
    parsed = parse_license_file(made)
    assert [(host.host, host.port) for host in parsed.hosts] == [("rlm-lb.example.com", 5063)]
    found = compare((("master", parse_license_file(master)), ("made", parsed)))
    assert [each for each in found if each.kind != "hostid"] == []
