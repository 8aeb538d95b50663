"""Statements end where the next one begins, whatever quotes and line breaks stand between."""

import pytest

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.license_words import Statement, read_source, split_statements


def cut(text: str) -> list[Statement]:
    return list(split_statements(read_source(text).text))


def words(text: str) -> list[tuple[str, int, list[str]]]:
    return [(each.word, each.line, [word.text for word in each.words]) for each in cut(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \n", []),
        ("# HOST a b\n  # ISV c", []),
        ("HOST a b\nISV c", [("HOST", 1, ["a", "b"]), ("ISV", 2, ["c"])]),
        ("  host a b\n\tisv c", [("HOST", 1, ["a", "b"]), ("ISV", 2, ["c"])]),
        ("SERVER a\nDAEMON b\nFEATURE c", [("HOST", 1, ["a"]), ("ISV", 2, ["b"]), ("LICENSE", 3, ["c"])]),
        ("HOST a\nb\n\nc\nISV d", [("HOST", 1, ["a", "b", "c"]), ("ISV", 5, ["d"])]),
        ("HOST a \\\n b\\\nc", [("HOST", 1, ["a", "b", "c"])]),
        ("HOST", [("HOST", 1, [])]),
        ("HOSTS a\nHOST=a\nISVs", [("", 1, ["HOSTS", "a", "HOST=a", "ISVs"])]),
        ("\n\nof ours\nHOST a", [("", 3, ["of", "ours"]), ("HOST", 4, ["a"])]),
        ("LICENSE a HOST b\n ISV c", [("LICENSE", 1, ["a", "HOST", "b"]), ("ISV", 2, ["c"])]),
        ('ISV a options="b c"d="e', [("ISV", 1, ["a", 'options="b c"', 'd="e'])]),
        ('ISV "a b" c', [("ISV", 1, ['"a b"', "c"])]),
        ('LICENSE a sig="b\nISVs c\nd" e', [("LICENSE", 1, ["a", 'sig="b\nISVs c\nd"', "e"])]),
    ],
)
def test_cuts_statements_into_words(text: str, expected: list[tuple[str, int, list[str]]]) -> None:
    assert words(text) == expected


def test_every_word_knows_its_line() -> None:
    [statement] = cut('LICENSE a\n\nb c="d\ne" f \\\n# no word\ng')
    assert [(word.text, word.line) for word in statement.words] == [
        ("a", 1),
        ("b", 3),
        ('c="d\ne"', 3),
        ("f", 4),
        ("g", 6),
    ]


QUOTED = '{first} _notes="of ours\n{line}\nand more" last'


@pytest.mark.parametrize(
    "line",
    [
        "LICENSE as we know it",
        "HOST is down",
        "ISV? the vendor, that is, of course",
        "UPGRADE next year",
        "CUSTOMER since 1999",
        "LICENSE a b 1.0 someday 5",
    ],
)
def test_a_quoted_value_may_hold_lines_that_begin_like_statements(line: str) -> None:
    text = QUOTED.format(first="LICENSE a b 1.0 permanent 5", line=line)
    [statement] = cut(text)
    assert statement.open_quote is None
    assert statement.words[-1].text == "last"


@pytest.mark.parametrize(
    "line",
    [
        "LICENSE a b 1.0 permanent 5",
        "feature a b 1.0 1-jan-2027 5 sig=AB",
        "HOST a any",
        "host a 0123456789ab 5053",
        "SERVER a ip=10.1.*.* 5053",
        "ISV a",
        "isv a port=5055",
        "UPGRADE a b 1.0 2.0 permanent 5 sig=AB",
        "CUSTOMER a isv=b server=c",
    ],
)
def test_a_quote_that_is_never_closed_hides_no_later_statement(line: str) -> None:
    first, second = cut(f'LICENSE a b 1.0 permanent 5 customer="A company\n{line}')
    assert (first.open_quote, first.words[-1].text) == (1, 'customer="A company')
    assert (second.open_quote, second.line) == (None, 2)


def test_an_open_quote_at_the_end_takes_its_line_alone() -> None:
    [statement] = cut('LICENSE a b\nc="d e\nf=g')
    assert statement.open_quote == 2
    assert [word.text for word in statement.words] == ["a", "b", 'c="d e', "f=g"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"HOST a", "HOST a"),
        ("HOST ä".encode(), "HOST ä"),
        ("HOST ä".encode("latin-1"), "HOST ä"),
        (b"\xef\xbb\xbfHOST a", "HOST a"),
        (b"\xef\xbb\xbfHOST \xe4", "HOST ä"),
        ("\ufeffHOST a".encode("utf-16-le"), "HOST a"),
        ("\ufeffHOST a".encode("utf-16-be"), "HOST a"),
        (b"HOST\xc2\xa0a", "HOST a"),
        (b"HOST\xa0a", "HOST a"),
        (b"HOST a\r\nISV b\rISV c", "HOST a\nISV b\nISV c"),
    ],
)
def test_makes_text_of_bytes(data: bytes, text: str) -> None:
    assert read_source(data).text == text


@pytest.mark.parametrize("data", [b"\0", b"\x7fELF\0\0", b"H\0O\0S\0T\0"])
def test_refuses_what_is_no_text(data: bytes) -> None:
    with pytest.raises(FormatError, match="no license file"):
        read_source(data)


def test_tells_what_rlm_would_stumble_over() -> None:
    source = read_source(b"\xef\xbb\xbfHOST a\nISV \\ b \\\r\nc\\ \n# d\\\n")
    assert (source.bom, source.carriage_return, source.backslash, source.backslashes) == (True, 2, 2, 2)
    assert source.lines == 4
