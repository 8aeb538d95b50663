"""Reads of a certificate what an administrator has to know: until when, for which names (pure).

The standard library tells that only of certificates that it trusts, and RLM makes its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from rlm_exporter.errors import FormatError

_OID, _UTC_TIME, _LATER_TIME, _OCTETS, _EXTENSIONS = 0x06, 0x17, 0x18, 0x04, 0xA3
_VERSION, _DNS_NAME, _IP_NAME = 0xA0, 0x82, 0x87
_COMMON_NAME, _ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x1d\x11"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate."""

    names: tuple[str, ...]
    """Hosts that it is for; the common name only where it has no others."""
    begins: datetime
    ends: datetime

    def covers(self, host: str) -> bool:
        """Whether it is for this host; `*` stands for one label."""
        wanted = host.strip("[]").lower().removesuffix(".")
        return any(_matches(name.lower(), wanted) for name in self.names)


def parse_certificate(der: bytes) -> Certificate:
    """One in DER. Raises FormatError where it is none."""
    try:
        return _parse(der)
    except (IndexError, ValueError, StopIteration) as error:
        raise FormatError("this is no X.509 certificate") from error


def _parse(der: bytes) -> Certificate:
    (_, whole) = next(_parts(der))
    (_, signed) = next(_parts(whole))
    fields = [part for part in _parts(signed) if part[0] != _VERSION]
    # serial, algorithm, issuer, validity, subject, key; extensions stand at the end
    begins, ends = (_moment(tag, value) for tag, value in _parts(fields[3][1]))
    extensions = next((value for tag, value in fields[6:] if tag == _EXTENSIONS), None)
    names = () if extensions is None else tuple(_alternative_names(extensions))
    return Certificate(names=names or tuple(_common_names(fields[4][1])), begins=begins, ends=ends)


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, value) pairs of what stands side by side."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("cut")
        yield tag, data[at : at + length]
        at += length


def _moment(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _LATER_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _alternative_names(extensions: bytes) -> Iterator[str]:
    (_, listed) = next(_parts(extensions))
    for _, extension in _parts(listed):
        parts = list(_parts(extension))
        if parts[0] != (_OID, _ALTERNATIVE_NAMES):
            continue
        octets = next(value for tag, value in parts if tag == _OCTETS)
        for tag, value in _parts(next(_parts(octets))[1]):
            if tag == _DNS_NAME:
                yield value.decode("ascii")
            elif tag == _IP_NAME:
                yield str(ip_address(value))


def _common_names(subject: bytes) -> Iterator[str]:
    for _, part in _parts(subject):
        for _, pair in _parts(part):
            (tag, oid), (_, value) = _parts(pair)
            if (tag, oid) == (_OID, _COMMON_NAME):
                yield value.decode("utf-8", "replace")


def _matches(name: str, host: str) -> bool:
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host
