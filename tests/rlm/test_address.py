"""Addresses are read in RLM's form and in the usual one, and written so that they can be read again."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.address import (
    Endpoint,
    bracketed,
    format_endpoint,
    format_host_port,
    is_ip,
    parse_endpoint,
    parse_host,
    parse_host_port,
    same_host,
)

LABELS = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)
NAMES = (
    st.lists(LABELS, min_size=1, max_size=5).map(".".join).filter(lambda n: not n.split(".")[-1].isdigit())
)
HOSTS = st.one_of(NAMES, st.ip_addresses().map(str))
ENDPOINTS = st.builds(Endpoint, port=st.integers(1, 65535), host=HOSTS)


@pytest.mark.parametrize(
    ("text", "port", "host"),
    [
        ("5053@rlm1.example.com", 5053, "rlm1.example.com"),
        ("5053@rlm1", 5053, "rlm1"),
        ("5053@rlm1.example.com.", 5053, "rlm1.example.com."),
        ("1@192.0.2.1", 1, "192.0.2.1"),
        ("65535@[2001:db8::1]", 65535, "2001:db8::1"),
        ("5053@2001:db8::1", 5053, "2001:db8::1"),
        ("5053@[fe80::1%eth0]", 5053, "fe80::1%eth0"),
        ("5053@RLM_1-a", 5053, "RLM_1-a"),
    ],
)
def test_reads_port_at_host(text: str, port: int, host: str) -> None:
    assert parse_endpoint(text) == Endpoint(port=port, host=host)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rlm1.example.com", "write port@host"),
        ("rlm1.example.com:5053", "write port@host"),
        ("@rlm1", "is not a port"),
        ("0@rlm1", "is not a port"),
        ("65536@rlm1", "is not a port"),
        ("+5053@rlm1", "is not a port"),
        ("5_053@rlm1", "is not a port"),
        ("٥٠٥٣@rlm1", "is not a port"),
        ("5053@", "neither a host name nor an IP address"),
        ("5053@rlm1@rlm2", "neither a host name nor an IP address"),
        ("5053@rlm1:5053@rlm2", "neither a host name nor an IP address"),
        ("5053@[rlm1]", "neither a host name nor an IP address"),
        ("5053@[192.0.2.1]", "neither a host name nor an IP address"),
        ("5053@192.0.2.256", "neither a host name nor an IP address"),
        ("5053@192.0.2", "neither a host name nor an IP address"),
        ("5053@-rlm1", "neither a host name nor an IP address"),
        ("5053@rlm1..com", "neither a host name nor an IP address"),
        ("5053@rlm1 ", "neither a host name nor an IP address"),
        ("5053@rlm1\n", "neither a host name nor an IP address"),
        ("5053@" + "a" * 64, "neither a host name nor an IP address"),
        ("5053@" + ".".join(["a" * 50] * 6), "neither a host name nor an IP address"),
        ("5053@[fe80::1%eth 0]", "neither a host name nor an IP address"),
    ],
)
def test_refuses_what_is_no_endpoint(text: str, complaint: str) -> None:
    with pytest.raises(FormatError, match=complaint):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("text", "port", "host"),
    [
        ("rlm1.example.com:5053", 5053, "rlm1.example.com"),
        ("127.0.0.1:10053", 10053, "127.0.0.1"),
        ("[2001:db8::1]:5053", 5053, "2001:db8::1"),
        ("[::]:10053", 10053, "::"),
    ],
)
def test_reads_host_and_port(text: str, port: int, host: str) -> None:
    assert parse_host_port(text) == Endpoint(port=port, host=host)


@pytest.mark.parametrize(
    "text",
    ["", "rlm1", ":5053", "rlm1:", "rlm1:rlm", "2001:db8::1", "2001:db8::1:5053", "[::1]", "[::1]5053"],
)
def test_refuses_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(FormatError):
        parse_host_port(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("RLM1.example.com", "rlm1.example.com."), ("2001:DB8:0::1", "2001:db8::1"), ("192.0.2.1", "192.0.2.1")],
)
def test_two_spellings_of_one_host_have_one_key(one: str, other: str) -> None:
    assert same_host(one) == same_host(other)


def test_tells_addresses_from_names() -> None:
    assert [host for host in ("::1", "127.0.0.1", "rlm1", "127.0.0.1.example.com") if is_ip(host)] == [
        "::1",
        "127.0.0.1",
    ]


@given(ENDPOINTS)
def test_both_forms_are_read_as_they_were_written(endpoint: Endpoint) -> None:
    assert parse_endpoint(format_endpoint(endpoint)) == endpoint
    assert parse_endpoint(str(endpoint)) == endpoint
    assert parse_host_port(format_host_port(endpoint)) == endpoint
    assert parse_host(bracketed(endpoint.host)) == endpoint.host


@given(st.ip_addresses(v=6))
def test_every_spelling_of_an_ipv6_address_has_one_key(address: IPv6Address) -> None:
    assert same_host(address.exploded) == same_host(address.compressed)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for parse in (parse_endpoint, parse_host_port):
        try:
            endpoint = parse(text)
        except FormatError:
            continue
        assert parse_endpoint(format_endpoint(endpoint)) == endpoint
