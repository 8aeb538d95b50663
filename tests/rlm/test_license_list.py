"""Lists of license servers and files come apart where they should, whichever system they were written for."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.address import Endpoint, format_endpoint
from rlm_exporter.rlm.license_list import ListKind, read_license_path

S, F, D, P = ListKind.SERVER, ListKind.FILE, ListKind.FOLDER, ListKind.PATH
X, U, T = ListKind.UNEXPANDED, ListKind.UNREADABLE, ListKind.TEXT


def items(text: str) -> list[tuple[ListKind, str]]:
    return [(item.kind, item.text) for item in read_license_path(text).items]


@pytest.mark.row(24)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5053@rlm-lb.example.com", [(S, "5053@rlm-lb.example.com")]),
        ("5053@a:5053@b:5053@c", [(S, "5053@a"), (S, "5053@b"), (S, "5053@c")]),
        ("5053@a;5053@b", [(S, "5053@a"), (S, "5053@b")]),
        (" 5053@a : 5053@b ", [(S, "5053@a"), (S, "5053@b")]),
        ("5053@[2001:db8::1]:5053@b", [(S, "5053@[2001:db8::1]"), (S, "5053@b")]),
        ("5053@[fe80::1%eth0]", [(S, "5053@[fe80::1%eth0]")]),
        ("5053@2001:db8::1:5053@b", [(S, "5053@2001:db8::1"), (S, "5053@b")]),
        ("5053@2001:db8::1", [(S, "5053@2001:db8::1")]),
        ("5053@::1:27000@cafe", [(S, "5053@::1"), (S, "27000@cafe")]),
        ("5053@fe80::1%eth0:/opt/a.lic", [(S, "5053@fe80::1%eth0"), (F, "/opt/a.lic")]),
        ("5053@::ffff:192.0.2.1:5053@b", [(S, "5053@::ffff:192.0.2.1"), (S, "5053@b")]),
        ("5053@cafe:5053@beef", [(S, "5053@cafe"), (S, "5053@beef")]),
        ("5053@a:b:c", [(S, "5053@a"), (P, "b"), (P, "c")]),
        (
            "/opt/rlm/a.lic:/opt/rlm/licenses/:/opt/rlm",
            [(F, "/opt/rlm/a.lic"), (D, "/opt/rlm/licenses/"), (P, "/opt/rlm")],
        ),
        ("C:\\rlm\\a.lic;5053@b", [(F, "C:\\rlm\\a.lic"), (S, "5053@b")]),
        ("C:\\rlm\\a.lic", [(F, "C:\\rlm\\a.lic")]),
        ("C:/rlm/:D:\\rlm\\a.DAT:5053@b", [(D, "C:/rlm/"), (F, "D:\\rlm\\a.DAT"), (S, "5053@b")]),
        ("a.lic:5053@b", [(F, "a.lic"), (S, "5053@b")]),
        (".", [(P, ".")]),
        (
            "<LICENSE a b 1.0 permanent 0 hostid=host=x:y sig=AB>:5053@b",
            [(T, "<LICENSE a b 1.0 permanent 0 hostid=host=x:y sig=AB>"), (S, "5053@b")],
        ),
        ("<LICENSE a: b", [(T, "<LICENSE a"), (P, "b")]),
        (
            "$RLM_LICENSE:5053@b:${X}:5053@$HOST:%OLD%",
            [(X, "$RLM_LICENSE"), (S, "5053@b"), (X, "${X}"), (X, "5053@$HOST"), (X, "%OLD%")],
        ),
        ("5053@:@a:5053@a/b.lic", [(U, "5053@"), (U, "@a"), (U, "5053@a/b.lic")]),
        ("", []),
        ("::", []),
    ],
)
def test_comes_apart_where_it_should(text: str, expected: list[tuple[ListKind, str]]) -> None:
    assert items(text) == expected


@pytest.mark.parametrize(
    ("text", "empty", "mixed"),
    [
        ("5053@a", 0, False),
        ("5053@a:", 1, False),
        ("5053@a::5053@b", 1, False),
        ("5053@a:5053@b;5053@c", 0, True),
        ("C:\\a.lic;5053@[::1]", 0, False),
        ("", 0, False),
        (":", 0, False),
    ],
)
def test_counts_what_is_empty_and_sees_both_separators(text: str, empty: int, mixed: bool) -> None:
    path = read_license_path(text)
    assert (path.empty, path.mixed) == (empty, mixed)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("5053@2001:db8::1", "without brackets"),
        ("rlm1.example.com", "port@host"),
        ("70000@a", "not a port"),
        ("5053@-a", "neither a host name"),
        ("/home/a@b/c.lic", "may not hold @"),
        ("$X", "shell"),
    ],
)
def test_says_what_is_odd_about_an_item(text: str, trouble: str) -> None:
    [item] = read_license_path(text).items
    assert item.trouble is not None
    assert trouble in item.trouble


@pytest.mark.parametrize("text", ["5053@a", "5053@[::1]", "/opt/a.lic", "/opt/", "/opt", ".", "<x>"])
def test_has_nothing_to_say_about_what_is_usual(text: str) -> None:
    assert [item.trouble for item in read_license_path(text).items] == [None]


ADDRESSES = st.one_of(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8})?", fullmatch=True), st.ip_addresses().map(str))
ENDPOINTS = st.lists(st.builds(Endpoint, port=st.integers(1, 65535), host=ADDRESSES), min_size=1, max_size=6)


@given(ENDPOINTS, st.sampled_from(":;"))
def test_a_list_is_read_as_it_was_written(endpoints: list[Endpoint], separator: str) -> None:
    text = separator.join(format_endpoint(endpoint) for endpoint in endpoints)
    assert [item.endpoint for item in read_license_path(text).items] == endpoints


@given(st.ip_addresses(v=6), st.booleans())
def test_a_bare_address_is_told_from_separators(address: IPv6Address, exploded: bool) -> None:
    text = address.exploded if exploded else address.compressed
    found = read_license_path(f"5053@{text}:27000@b").items
    assert [item.kind for item in found] == [S, S]
    assert found[0].endpoint == Endpoint(port=5053, host=text)


@given(st.text(alphabet="05a@:;/\\.[]<>%$ \n_", max_size=60))
def test_any_text_is_a_list(text: str) -> None:
    path = read_license_path(text)
    assert all((item.endpoint is not None) == (item.kind is S) for item in path.items)
    assert all(item.text in text for item in path.items)
