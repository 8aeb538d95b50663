"""What queries, legends and messages may be; each check raises ValueError with what is wrong (pure).

A query that Prometheus cannot read is an empty panel that nobody misses, and one such condition makes
Prometheus refuse the whole file of rules: both are found here, with the line in which they stand.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rlm_exporter.manifest.document import shown

LONGEST_QUERY = 2000
"""The parser goes one level deeper for each bracket; a text of this length cannot exhaust its stack."""

_SPAN = re.compile(r"[1-9][0-9]{0,4}[smhd]")
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*")
_MESSAGE_ACTION = re.compile(
    r"\s*(?:\$labels\.([A-Za-z_][A-Za-z0-9_]*)|\$value)"
    r"(?:\s*\|\s*(?:humanize|humanize1024|humanizeDuration|humanizePercentage|humanizeTimestamp))?\s*"
)
_VARIABLE = re.compile(r"\$(?:__)?[A-Za-z]")
_CHILDREN = ("lhs", "rhs", "expr", "param", "vector_selector")
"""Attributes of an expression's parts that are expressions themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A metric that a query reads, and the labels it is matched by."""

    name: str
    labels: frozenset[str]


def check_query(text: str) -> None:
    """A PromQL expression that has a value for each series at each time."""
    from promql_parser import MatrixSelector, ParenExpr, StringLiteral, SubqueryExpr  # noqa: PLC0415 - seldom

    expression = _parsed(text)
    while isinstance(expression, ParenExpr):
        expression = expression.expr
    if isinstance(expression, MatrixSelector | SubqueryExpr):
        raise ValueError(f"{shown(text)} is a range of values; put a function around it, such as rate(...)")
    if isinstance(expression, StringLiteral):
        raise ValueError(f"{shown(text)} is a text to PromQL; write an expression, such as rlm_server_up")


def check_legend(text: str) -> None:
    """A series' name, with labels as `{{server}}`."""
    for action in _actions(text):
        if _LABEL.fullmatch(action):
            continue
        meant = _MESSAGE_ACTION.fullmatch(action)
        name = meant[1] if meant and meant[1] else "server"
        raise ValueError(f"{shown('{{' + action + '}}')} names no label; in a legend write {{{{{name}}}}}")


def check_message(text: str) -> None:
    """What people are told, with labels as `{{$labels.server}}` and the number as `{{$value}}`."""
    for action in _actions(text):
        if _MESSAGE_ACTION.fullmatch(action):
            continue
        bare = _LABEL.fullmatch(action)
        name = bare[1] if bare else "server"
        raise ValueError(
            f"{shown('{{' + action + '}}')} is nothing that Prometheus fills in; in a message write "
            f"{{{{$labels.{name}}}}}, or {{{{$value}}}} for the number"
        )


def check_words(text: str) -> None:
    """A name that means itself."""
    if "{{" in text or not text.isprintable():
        raise ValueError(f"{shown(text)} cannot be a name; write words on one line, without {{{{")


def check_span(text: str) -> None:
    """A time as Grafana writes it: one number and one unit."""
    if not _SPAN.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not a time for Grafana; write one number and unit, such as 30s or 7d"
        )


def selections(text: str) -> frozenset[Selection]:
    """What a query reads; metrics that only a matcher names are left out. The query has been checked."""
    from promql_parser import VectorSelector  # noqa: PLC0415 - as above

    return frozenset(
        Selection(name=part.name, labels=frozenset(each.name for each in part.matchers.matchers))
        for part in _parts(_parsed(text))
        if isinstance(part, VectorSelector) and part.name
    )


def message_labels(text: str) -> frozenset[str]:
    """The labels that a message tells of."""
    found = (_MESSAGE_ACTION.fullmatch(action) for action in _actions(text))
    return frozenset(match[1] for match in found if match and match[1])


def legend_labels(text: str) -> frozenset[str]:
    """The labels that a legend shows."""
    found = (_LABEL.fullmatch(action) for action in _actions(text))
    return frozenset(match[1] for match in found if match)


def _parsed(text: str) -> object:
    from promql_parser import parse  # noqa: PLC0415 - as above

    if len(text.encode("utf-8", "surrogatepass")) > LONGEST_QUERY:
        raise ValueError(
            f"is longer than {LONGEST_QUERY} bytes; give a part of it a name by a recording rule"
        )
    try:
        return parse(text)
    except BaseException as error:  # a panic of the parser, which is Rust, is no Exception
        if not isinstance(error, ValueError) and type(error).__name__ != "PanicException":
            raise
        why = f"{shown(text)} is not PromQL: {shown(str(error))[1:-1]}"
    if _VARIABLE.search(text):
        raise ValueError(f"{why}; Grafana's variables are not known here, write what they stand for")
    raise ValueError(f"{why}; try it in Prometheus' own page first")


def _parts(expression: object) -> Iterator[object]:
    yield expression
    children = [getattr(expression, name, None) for name in _CHILDREN]
    for child in (*children, *getattr(expression, "args", ())):
        if child is not None:
            yield from _parts(child)


def _actions(text: str) -> Iterator[str]:
    """What stands between double braces. Raises ValueError where they do not match."""
    rest = _ACTION.sub("", text)
    if "{{" in rest:
        raise ValueError(f"{shown(text)} opens {{{{ and does not close it; add }}}}")
    yield from _ACTION.findall(text)
