"""The rule files as values, and what their expressions select."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.rules.programs import RULES

RULE_FILES = (
    "cluster.yml",
    "server.yml",
    "isv.yml",
    "web.yml",
    "license.yml",
    "failover.yml",
    "balancer.yml",
    "exporter.yml",
)
_CHILDREN = ("lhs", "rhs", "expr", "param", "vector_selector")
"""Attributes of an expression's parts that are expressions themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule."""

    file: str
    name: str
    expression: str
    wait: str
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording rule."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One metric that an expression reads, with the labels it is matched by."""

    name: str
    labels: frozenset[str]


def _rules() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in RULE_FILES:
        for group in load(RULES / name)["groups"]:
            for rule in group["rules"]:
                yield name, rule


def load(path: Path) -> dict[str, Any]:
    """A YAML file; promtool has judged its shape."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def alerts() -> tuple[Alert, ...]:
    return tuple(
        Alert(
            file=name,
            name=rule["alert"],
            expression=rule["expr"],
            wait=rule.get("for", ""),
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
        )
        for name, rule in _rules()
        if "alert" in rule
    )


each_alert = pytest.mark.parametrize(
    "alert", alerts(), ids=lambda alert: f"{alert.name}-{alert.labels['severity']}"
)


def recordings() -> tuple[Recording, ...]:
    return tuple(
        Recording(name=rule["record"], expression=rule["expr"]) for _, rule in _rules() if "record" in rule
    )


def selectors(expression: str) -> frozenset[Selector]:
    return frozenset(
        Selector(name=part.name or "", labels=frozenset(each.name for each in part.matchers.matchers))
        for part in _parts(promql_parser.parse(expression))
        if isinstance(part, promql_parser.VectorSelector)
    )


def grouped_by(expression: str) -> frozenset[str] | None:
    """The labels that an aggregation leaves; None for anything else."""
    whole = promql_parser.parse(expression)
    modifier = getattr(whole, "modifier", None)
    return frozenset(modifier.labels) if isinstance(whole, promql_parser.AggregateExpr) and modifier else None


def joined_labels(expression: str) -> frozenset[str]:
    """The labels that `on`, `ignoring`, `by` and `without` name."""
    found: set[str] = set()
    for part in _parts(promql_parser.parse(expression)):
        modifier = getattr(part, "modifier", None)
        matching = getattr(modifier, "matching", None)
        found.update(getattr(matching, "labels", ()), getattr(modifier, "labels", ()))
    return frozenset(found)


def _parts(expression: object) -> Iterator[object]:
    yield expression
    children = [getattr(expression, name, None) for name in _CHILDREN]
    for child in (*children, *getattr(expression, "args", ())):
        if child is not None:
            yield from _parts(child)
