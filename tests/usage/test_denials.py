"""Denials are named by feature and reason, in one spelling, and no mistake of a client's makes too many."""

from pathlib import Path

from rlm_exporter.rlm.denial_reason import ALL_IN_USE, OTHER, USUAL, WORDS, denial_reason
from rlm_exporter.usage.denials import OTHERS, DenialNames, Series


def test_wanted_features_are_foreseen_with_every_usual_reason() -> None:
    assert DenialNames(["A"]).foresee() == tuple(Series("A", reason) for reason in USUAL)


def test_products_of_the_server_are_foreseen_with_the_commonest_reason_and_once() -> None:
    names = DenialNames(["A"])
    assert names.foresee(["a", "B"])[-1] == Series("B", ALL_IN_USE)
    assert names.foresee(["a", "b", "B", "C"]) == (Series("C", ALL_IN_USE),)


def test_the_first_spelling_of_a_product_stays() -> None:
    names = DenialNames(["STARCCM"])
    assert names.series("starccm", -22) == Series("STARCCM", ALL_IN_USE)
    assert names.series("NxCae", -6) == Series("NxCae", "version")
    assert names.foresee(["NXCAE"])[-1] == Series("NxCae", ALL_IN_USE)


def test_features_are_bounded() -> None:
    names = DenialNames(["A"], most=2)
    names.foresee(["B", "C"])
    assert names.overflowed
    assert names.series("B", -22) == Series("B", ALL_IN_USE)
    assert names.series("D", -22) == names.series("E", -22) == Series(OTHERS, ALL_IN_USE)


def test_within_the_bound_nothing_overflows() -> None:
    names = DenialNames([], most=2)
    names.series("A", -22)
    names.series("B", -22)
    names.series("a", -22)
    assert not names.overflowed


def test_reasons_are_words_and_an_unknown_code_is_other() -> None:
    assert denial_reason(-22) == "all_in_use"
    assert denial_reason(-999) == denial_reason(1) == OTHER
    assert len(set(WORDS.values())) == len(WORDS)
    assert all(word.isidentifier() and word.islower() for word in WORDS.values())
    assert set(USUAL) <= set(WORDS.values())


def test_the_document_has_every_word() -> None:
    document = (Path(__file__).parents[2] / "docs" / "rlm.md").read_text(encoding="utf-8")
    assert [word for word in (*WORDS.values(), OTHER) if f"`{word}`" not in document] == []
