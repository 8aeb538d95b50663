from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from rlm_exporter.cli.decode import UnexpectedShapeError, decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    is_up: bool
    seconds: float
    at: datetime
    source: str | None = field(metadata={"key": "from"})
    inner: Inner | None
    items: tuple[Inner, ...]


GOOD: dict[str, Any] = {
    "name": "n",
    "is_up": True,
    "seconds": 3,
    "at": "2025-11-25T08:00:00Z",
    "from": "rlm1",
    "inner": {"count": 1},
    "items": [{"count": 2}],
    "unheard_of": "left out",
}


def test_a_document_becomes_the_value_that_it_describes() -> None:
    assert decode(Outer, GOOD) == Outer(
        name="n",
        is_up=True,
        seconds=3.0,
        at=datetime(2025, 11, 25, 8, tzinfo=UTC),
        source="rlm1",
        inner=Inner(count=1),
        items=(Inner(count=2),),
    )


def test_what_may_be_unknown_may_be_missing() -> None:
    document = {key: value for key, value in GOOD.items() if key not in {"from", "inner"}}
    decoded = decode(Outer, document)
    assert (decoded.source, decoded.inner) == (None, None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 3}, "the answer.name is not of type str"),
        ({"name": None}, "the answer.name is not of type str"),
        ({"is_up": 1}, "the answer.is_up is not of type bool"),
        ({"seconds": True}, "the answer.seconds is not of type float"),
        ({"seconds": "3"}, "the answer.seconds is not of type float"),
        ({"inner": {"count": True}}, "the answer.inner.count is not of type int"),
        ({"inner": {"count": 1.5}}, "the answer.inner.count is not of type int"),
        ({"inner": {}}, "the answer.inner has no count"),
        ({"inner": []}, "the answer.inner is not an object"),
        ({"items": {}}, "the answer.items is not a list"),
        ({"items": [{"count": 1}, 7]}, "the answer.items[1] is not an object"),
        ({"at": "yesterday"}, "the answer.at is not a time with its zone"),
        ({"at": "2025-11-25T08:00:00"}, "the answer.at is not a time with its zone"),
        ({"at": 5}, "the answer.at is not a time with its zone"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnexpectedShapeError) as error:
        decode(Outer, {**GOOD, **change})
    assert str(error.value) == sentence


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UnexpectedShapeError, match=r"^the answer has no name$"):
        decode(Outer, {key: value for key, value in GOOD.items() if key != "name"})


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_something_else_than_an_object_is_refused(document: object) -> None:
    with pytest.raises(UnexpectedShapeError, match="is not an object"):
        decode(Outer, document)
