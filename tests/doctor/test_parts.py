"""Certificates, folders that hang, and JUnit's XML."""

import ssl
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.doctor.certificate import Certificate, parse_certificate
from rlm_exporter.doctor.finding import About, Examined, Skipped, error, warning
from rlm_exporter.doctor.junit import junit
from rlm_exporter.doctor.looking import look
from rlm_exporter.errors import FormatError
from tests.doctor.keys import der


@pytest.mark.row(48)
@pytest.mark.parametrize(
    "name", ["rlm-cert.pem", "steer/balancer.pem", "steer/ca.pem", "steer/controller.pem"]
)
def test_a_certificate_is_read_as_the_standard_library_reads_those_it_trusts(name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(der(name)))
    found = parse_certificate(der(name))
    known = context.get_ca_certs()

    for told in known:  # only those of authorities are told
        assert found.ends == datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
        assert found.begins == datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notBefore"])), UTC)
    assert found.names
    assert found.begins < found.ends


def test_a_certificate_covers_its_names_and_one_label_for_a_star() -> None:
    made = Certificate(
        names=("*.example.com", "2001:db8::1"), begins=datetime.now(UTC), ends=datetime.now(UTC)
    )

    assert made.covers("RLM1.example.com.")
    assert made.covers("[2001:db8::1]")
    assert not made.covers("a.b.example.com")
    assert not made.covers("example.com")


@given(st.one_of(st.binary(max_size=200), st.integers(1, 300).map(lambda cut: der("rlm-cert.pem")[:-cut])))
def test_what_is_no_certificate_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"this is no X\.509 certificate"):
        parse_certificate(data)


async def test_a_folder_is_looked_at_with_links_modes_and_room(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.lic").write_bytes(b"HOST\r\n")
    (tmp_path / "real" / "a.lic").chmod(0o640)
    folder = tmp_path / "licenses"
    folder.mkdir()
    (folder / "a.lic").symlink_to(tmp_path / "real" / "a.lic")
    (folder / "gone.lic").symlink_to(tmp_path / "real" / "gone.lic")
    (folder / "a.opt").write_bytes(b"")

    seen = await look(str(folder), limit=20)

    assert seen.error is None
    assert seen.system
    assert (seen.free or 0) > 0
    first, second = seen.files
    assert (first.content, first.mode, first.target) == (b"HOST\r\n", 0o640, str(tmp_path / "real" / "a.lic"))
    assert (second.content, second.error) == (None, "No such file or directory")


async def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert (await look(str(tmp_path / "nowhere"), limit=20)).error == "No such file or directory"


@pytest.mark.row(26)
async def test_a_folder_that_hangs_is_given_up_on(tmp_path: Path) -> None:
    began = time.monotonic()
    hanging = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")

    seen = await look(str(tmp_path), limit=0.3, program=hanging)

    assert (seen.hangs, seen.error) == (True, "no answer within 0.3 s")
    assert time.monotonic() - began < 5


async def test_a_program_that_says_nonsense_is_no_traceback(tmp_path: Path) -> None:
    seen = await look(str(tmp_path), limit=20, program=(sys.executable, "-I", "-S", "-c", "print(3)"))

    assert seen.error == "it could not be looked at"


def test_junit_shows_errors_as_failures_and_warnings_as_output() -> None:
    bad = error("rlm1", 'port <5053> is "shut"\x07', why="nobody is served", remedy="open it & look")
    weak = warning("rlm2", "old", why="holes", remedy="update")
    text = junit(
        "site",
        [
            Examined(about=About(name="ports", looks_at=""), outcome=(bad, weak), seconds=0.25),
            Examined(about=About(name="versions", looks_at=""), outcome=(weak,), seconds=0),
            Examined(about=About(name="names", looks_at=""), outcome=(), seconds=0),
            Examined(about=About(name="journal", looks_at=""), outcome=Skipped(why="not asked"), seconds=0),
        ],
    )

    suite = ET.fromstring(text.encode())  # noqa: S314 - our own text
    assert suite.attrib | {"name": ""} == {
        "name": "", "tests": "4", "failures": "1", "errors": "0", "skipped": "1", "time": "0.250"
    }  # fmt: skip
    ports, versions, names, journal = suite.findall("testcase")
    failure = ports.find("failure")
    assert failure is not None
    assert failure.get("message") == 'rlm1: port <5053> is "shut"?'
    assert "open it & look" in (failure.text or "")
    assert versions.find("failure") is None
    assert "rlm2: old" in (versions.findtext("system-out") or "")
    assert list(names) == []
    skipped = journal.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "not asked"
