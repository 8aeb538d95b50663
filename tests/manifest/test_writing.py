"""A document comes out as it was read."""

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.manifest.document import Plain, Value
from rlm_exporter.manifest.nodes import read_documents
from rlm_exporter.manifest.writing import written_document
from tests.manifest.manifests import PAGE

WORDS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=0, max_size=12
)
ODD = st.sampled_from(
    ["true", "30", "2023.1000", "22:22", "1e3", "null", "~", "on", "- a", "a: b", "#x", "", "<<", "="]
)
KEYS = st.text("abcXYZ019", min_size=1, max_size=5)
SCALARS = st.one_of(WORDS, ODD)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_leaves=12,
)


def read(text: str) -> Value:
    documents, problems = read_documents(text, "x.yaml")
    assert problems == ()
    (document,) = documents
    return document.value


@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), TREES, min_size=1, max_size=4))
def test_any_text_comes_back_as_the_text_that_it_was(tree: dict[str, Any]) -> None:
    assert read(written_document(tree)) == tree


@given(st.sampled_from(["30", "true", "30s", "2023.1000", "10.0.0.1", "0x1F", "1_000", "22:22", "no", "x y"]))
def test_what_stood_without_quotes_may_still_be_a_number(text: str) -> None:
    again = read(written_document({"key": Plain(text), "other": text}))

    assert isinstance(again, dict)
    assert (again["key"], type(again["key"])) == (text, Plain)
    assert again["other"] == text


def test_a_manifest_means_the_same_to_other_readers_too() -> None:
    value = read(PAGE)

    assert yaml.safe_load(written_document(value)) == yaml.safe_load(PAGE)
    assert read(written_document(value)) == value
