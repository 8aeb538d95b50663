"""YAML is read with the line of every part, within bounds that hold for hostile text too."""

import time

import pytest

from rlm_exporter.manifest.document import Document, Plain
from rlm_exporter.manifest.nodes import MAX_DEPTH, MAX_VALUES, read_documents

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 28))
MERGE_BOMB = "b0: &b0 {k: v}\n" + "".join(
    f"b{n}: &b{n} {{<<: [*b{n - 1}, *b{n - 1}]}}\n" for n in range(1, 28)
)
EMPTY_MERGE_BOMB = MERGE_BOMB.replace("{k: v}", "{}")


def one(text: str) -> Document:
    documents, problems = read_documents(text, "f")
    assert problems == ()
    [document] = documents
    return document


def complaints(text: str) -> list[str]:
    return [str(problem) for problem in read_documents(text, "f")[1]]


def test_every_key_and_item_knows_its_line() -> None:
    document = one("# comment\na:\n  - b\n  - c: d\n    e:\n      f\n")

    assert document.line == 2
    assert document.lines == {
        ("a",): 2,
        ("a", 0): 3,
        ("a", 1): 4,
        ("a", 1, "c"): 4,
        ("a", 1, "e"): 5,
    }


def test_a_place_where_nothing_stands_has_the_line_around_it() -> None:
    part = one("x: y\na:\n  b: c\n").root

    assert [part.at("a", "missing", 3).line, part.at("missing").line] == [2, 1]


@pytest.mark.parametrize(
    "text", ["2023.1000", "22:22", "on", "yes", "007", "0x1F", "1e3", "5_053", "2024-01-31"]
)
def test_a_scalar_is_the_text_that_stands_there(text: str) -> None:
    assert one(f"a: {text}").value == {"a": text}


def test_only_a_scalar_without_quotes_may_mean_more_than_text() -> None:
    items = one("- true\n- 'true'\n- \"5\"\n- 5\n- |\n  5\n").value
    assert isinstance(items, list)

    assert [isinstance(item, Plain) for item in items] == [True, False, False, True, False]


@pytest.mark.parametrize("text", ["", "~", "null"])
def test_an_empty_scalar_is_nothing(text: str) -> None:
    assert one(f"a: {text}\nb: 'null'").value == {"a": None, "b": "null"}


def test_a_key_that_stands_twice_is_told_with_both_lines_and_the_first_is_kept() -> None:
    documents, problems = read_documents("a:\n  b: 1\n  c: 2\n  b: 3\n", "f")

    assert [str(problem) for problem in problems] == [
        "f:4: a.b: stands here again, first in line 2; keep one of the two"
    ]
    assert documents[0].value == {"a": {"b": "1", "c": "2"}}


def test_a_repeated_key_below_an_anchor_is_told_once() -> None:
    assert len(complaints("a: &a {b: 1, b: 2}\nc: *a\nd: {<<: *a}\n")) == 1


def test_documents_before_something_that_is_no_yaml_are_kept() -> None:
    documents, problems = read_documents("a: b\n---\nc: [\n", "f")

    assert [document.value for document in documents] == [{"a": "b"}]
    assert [problem.line for problem in problems] == [4]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: *b", "f:1: *b is used, and there is no &b before it in this document"),
        ("a: &b x\n---\na: *b", "f:3: *b is used, and there is no &b before it in this document"),
        ("a: &b [*b]", "f:1: *b stands inside what it stands for; write it out"),
        ("a: &b {<<: *b}", "f:1: *b stands inside what it stands for; write it out"),
        ("a:\n  <<: x", 'f:2: a["<<"]: takes what an anchor stands for (<<: *name), or a list of such'),
        ("a: !!int 5", 'f:1: "!!int" is a YAML tag; leave it out, quotes are enough for text'),
        ('a: "\\U00110000"', "f:1: not YAML: an escape such as \\U or a %YAML line holds too high a number"),
        ('a: "\\UFFFFFFFF"', "f:1: not YAML: an escape such as \\U or a %YAML line holds too high a number"),
        (
            f"%YAML 1.{'9' * 5000}\n---\na: b",
            "f:1: not YAML: an escape such as \\U or a %YAML line holds too high a number",
        ),
        ('\na: "\\0"', "f:2: holds a character that cannot be part of a text; leave it out"),
        ('a: "\\uD800"', "f:1: holds a character that cannot be part of a text; leave it out"),
        ("\n\n\x07", "f:3: holds a control character; this is no text file, or a damaged one"),
        ("a: \ud800", "f:1: holds a control character; this is no text file, or a damaged one"),
        (
            "a: 'b",
            "f:1: not YAML: found unexpected end of stream; look at this line and at the one before it",
        ),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (BOMB, f"more than {MAX_VALUES} values"),
        (MERGE_BOMB, f"more than {MAX_VALUES} values"),
        (EMPTY_MERGE_BOMB, f"more than {MAX_VALUES} values"),
        ("- x\n" * 260_000, f"more than {MAX_VALUES} values"),
        ("- [a, b]\n" * 100_000, f"more than {MAX_VALUES} values"),
        ("[" * 1_000_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("- " * 500_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("? " * 500_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("{a: " * 250_000, f"nested deeper than {MAX_DEPTH} levels"),
        (
            "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000)),
            f"nested deeper than {MAX_DEPTH} levels",
        ),
    ],
    ids=["anchors", "merges", "empty merges", "items", "lists", "flow", "block", "keys", "maps", "chain"],
)
def test_hostile_text_is_refused_in_bounded_time(text: str, limit: str) -> None:
    began = time.monotonic()

    [complaint] = complaints(text)

    assert limit in complaint
    assert time.monotonic() - began < 20  # 1 s or less on an idle machine; without the bounds, hours
