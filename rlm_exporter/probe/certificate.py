"""When an X.509 certificate ends, read from its DER bytes (pure).

Python's `ssl` tells what is in a certificate only after verifying it, and RLM's are of its own making. So the
few bytes that lead to `notAfter` are walked here (RFC 5280, 4.1), and nothing else is looked at.
"""

from datetime import UTC, datetime

_INTEGER, _SEQUENCE, _VERSION = 0x02, 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_CENTURY_PIVOT = 50
"""RFC 5280: two digits of a year from here on are of the 20th century."""


def certificate_ends(der: bytes) -> datetime | None:
    """`notAfter`, aware; None where the bytes are not a certificate that we can read."""
    try:
        return _not_after(der)
    except (ValueError, IndexError):
        return None


def _not_after(der: bytes) -> datetime:
    certificate, _ = _take(der, _SEQUENCE)
    fields, _ = _take(certificate, _SEQUENCE)
    if fields[0] == _VERSION:
        _, fields = _take(fields, _VERSION)
    _, fields = _take(fields, _INTEGER)  # serialNumber
    _, fields = _take(fields, _SEQUENCE)  # signature
    _, fields = _take(fields, _SEQUENCE)  # issuer
    validity, _ = _take(fields, _SEQUENCE)
    _, ends = _take(validity, validity[0])  # notBefore
    moment, _ = _take(ends, ends[0])
    return _time(ends[0], moment.decode("ascii"))


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the value that stands first, and what comes after it; ValueError for another tag."""
    if data[0] != tag:
        raise ValueError(f"tag {data[0]:#x} in place of {tag:#x}")
    length, begin = data[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[2:begin], "big")
    if begin + length > len(data):
        raise ValueError("cut off")
    return data[begin : begin + length], data[begin + length :]


def _time(tag: int, text: str) -> datetime:
    if tag == _UTC_TIME:
        text = f"{19 if int(text[:2]) >= _CENTURY_PIVOT else 20}{text}"
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"tag {tag:#x} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
