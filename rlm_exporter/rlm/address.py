"""Addresses as RLM writes them (`port@host`) and as everybody else does (`host:port`).

Inside, an IPv6 address has no brackets; they belong to the written forms.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from rlm_exporter.errors import FormatError

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_ZONE = re.compile(r"[A-Za-z0-9_.-]+")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One service of one host."""

    port: int
    host: str

    def __str__(self) -> str:
        """RLM's form."""
        return format_endpoint(self)


def parse_endpoint(text: str) -> Endpoint:
    """Read `port@host`; an IPv6 address may stand in brackets or bare. Raises FormatError."""
    port, at, host = text.partition("@")
    if not at:
        raise FormatError(f"{text[:80]!r} is not an endpoint; write port@host, such as 5053@rlm1.example.com")
    return Endpoint(port=parse_port(port), host=parse_host(host))


def parse_host_port(text: str) -> Endpoint:
    """Read `host:port`; an IPv6 address needs its brackets here. Raises FormatError."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        raise FormatError(f"{text[:80]!r} is not an address with a port; write host:port or [IPv6]:port")
    return Endpoint(port=parse_port(port), host=parse_host(host))


def parse_host(text: str) -> str:
    """A host name or an address, an IPv6 one without its brackets. Raises FormatError."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if is_ipv6(bare) or (bare == text and (is_ipv4(text) or _is_name(text))):
        return bare
    raise FormatError(f"{text[:80]!r} is neither a host name nor an IP address")


def parse_port(text: str) -> int:
    """A TCP port from 1 to 65535. Raises FormatError."""
    if _PORT.fullmatch(text) and 1 <= int(text) <= 65535:
        return int(text)
    raise FormatError(f"{text[:80]!r} is not a port; write a number from 1 to 65535")


def format_endpoint(endpoint: Endpoint) -> str:
    """`port@host`; an IPv6 address in brackets, because RLM separates servers by colons."""
    return f"{endpoint.port}@{bracketed(endpoint.host)}"


def format_host_port(endpoint: Endpoint) -> str:
    """`host:port`; an IPv6 address in brackets."""
    return f"{bracketed(endpoint.host)}:{endpoint.port}"


def bracketed(host: str) -> str:
    """The host as it stands before a colon: an IPv6 address in brackets, anything else as it is."""
    return f"[{host}]" if ":" in host else host


def same_host(host: str) -> str:
    """A key that is equal for two spellings of one name or address (case, final dot, IPv6 zeros)."""
    return str(IPv6Address(host)) if is_ipv6(host) else host.lower().removesuffix(".")


def is_ip(host: str) -> bool:
    """Whether this is an IP address and not a name."""
    return is_ipv4(host) or is_ipv6(host)


def is_ipv4(text: str) -> bool:
    """Whether this is an IPv4 address with its four parts."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def is_ipv6(text: str) -> bool:
    """Whether this is an IPv6 address without brackets; a zone (`%eth0`) may follow."""
    address, percent, zone = text.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return False
    try:
        IPv6Address(address)
    except AddressValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    if len(text) > 254 or labels[-1].isdigit():  # a name that ends in a number would be read as an address
        return False
    return all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)
