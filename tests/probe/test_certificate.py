"""The end of a certificate is read from its bytes, and nothing else is believed to be one."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.probe.certificate import certificate_ends

PEM = Path(__file__).parents[1] / "data" / "tls" / "rlm-cert.pem"
DER = ssl.PEM_cert_to_DER_cert(PEM.read_text(encoding="ascii"))
KNOWN = datetime.fromtimestamp(
    ssl.cert_time_to_seconds(
        ssl._ssl._test_decode_cert(str(PEM))["notAfter"]  # type: ignore[attr-defined]  # CPython's own reader
    ),
    UTC,
)


def value(tag: int, content: bytes) -> bytes:
    """A DER value, in the shortest form of its length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def certificate(end: bytes, *, version: bool = True, filling: int = 3) -> bytes:
    """As far as anybody looks: version, serial number, signature, issuer, validity."""
    fields = (
        value(0xA0, value(0x02, b"\x02")) if version else b"",
        value(0x02, b"\x01" * filling),
        value(0x30, b""),
        value(0x30, b"\x00" * filling),
        value(0x30, value(0x17, b"250101000000Z") + end),
    )
    return value(0x30, value(0x30, b"".join(fields)))


def test_a_real_certificate_ends_when_cpython_says_so() -> None:
    assert certificate_ends(DER) == KNOWN


@pytest.mark.parametrize(
    ("end", "moment"),
    [
        (value(0x17, b"261231235959Z"), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (value(0x17, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (value(0x17, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (value(0x18, b"20500101000000Z"), datetime(2050, 1, 1, tzinfo=UTC)),
        (value(0x18, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("version", [True, False], ids=["v3", "v1"])
@pytest.mark.parametrize("filling", [3, 200, 70_000])
def test_both_forms_of_time_and_every_length_are_read(
    end: bytes, moment: datetime, version: bool, filling: int
) -> None:
    assert certificate_ends(certificate(end, version=version, filling=filling)) == moment


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"0",
        b"\x30\x05\x30",
        b"\x30\x84\xff\xff\xff\xff",
        certificate(value(0x17, b"261331235959Z")),
        certificate(value(0x04, b"261231235959Z")),
        certificate(value(0x17, b"\xff\xff")),
    ],
)
def test_anything_else_is_unknown(der: bytes) -> None:
    assert certificate_ends(der) is None


@given(st.integers(0, len(DER)), st.binary(max_size=8))
def test_never_raises(cut: int, after: bytes) -> None:
    certificate_ends(DER[:cut] + after)
