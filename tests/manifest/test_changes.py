"""What differs between two documents, and documents with some values changed."""

import pytest

from rlm_exporter.manifest.changes import differences, with_values
from rlm_exporter.manifest.document import Plain, Value


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"a": "1"}, {"a": "1"}, ()),
        ({"a": {"b": "1"}}, {"a": {"b": "2"}}, ("  a.b: 1 -> 2",)),
        ({}, {"a": {"b": "1", "c": ["x", "y"]}}, ("+ a.b: 1", "+ a.c[0]: x", "+ a.c[1]: y")),
        ({"a": {"b": "1"}, "c": "2"}, {"c": "2"}, ("- a.b: 1",)),
        ({"a": ["x"]}, {"a": ["x", "z"]}, ("+ a[1]: z",)),
        ({"a": ["x"]}, {"a": {"x": "1"}}, ("  a: a list -> a mapping",)),
        ({"a": None}, {"a": "1"}, ("+ a: 1",)),
        ({"a": {}}, {"a": "1"}, ("  a: a mapping -> 1",)),
        ({"a": Plain("30")}, {"a": "30"}, ()),
    ],
)
def test_each_difference_has_a_line(old: Value, new: Value, lines: tuple[str, ...]) -> None:
    assert differences(old, new) == lines


def test_a_value_is_set_below_keys_that_are_made_for_it() -> None:
    old: Value = {"spec": {"type": "rlm"}}

    new = with_values(old, {("spec", "tuning", "candidates"): "latency"})

    assert new == {"spec": {"type": "rlm", "tuning": {"candidates": "latency"}}}
    assert old == {"spec": {"type": "rlm"}}


def test_what_is_taken_away_leaves_nothing_empty() -> None:
    old: Value = {"spec": {"type": "rlm", "tuning": {"candidates": "latency"}}}

    assert with_values(old, {("spec", "tuning", "candidates"): None}) == {"spec": {"type": "rlm"}}
