"""The two exposition formats, letter by letter: Prometheus text 0.0.4 and OpenMetrics 1.0."""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from rlm_exporter.metrics.families import Family, Kind

Chunks = Mapping[str, str]
"""Sample lines by family name; each text is whole lines, or empty."""


class Format(StrEnum):
    """An exposition format; the value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def sample(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    """One line; both formats have the same."""
    inside = ",".join(f'{label}="{escape_label(text)}"' for label, text in labels)
    return f"{name}{{{inside}}} {number(value)}\n" if inside else f"{name} {number(value)}\n"


def number(value: float) -> str:
    """A number as both formats take it: whole ones without a fraction."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def escape_label(text: str) -> str:
    """A label value between its quotes."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def page(families: Iterable[Family], parts: Iterable[Chunks], form: Format) -> bytes:
    """The whole page: families in order, each with its samples from every part; empty families left out."""
    kept = tuple(parts)
    pieces: list[str] = []
    for family in families:
        name = family.name
        lines = [part[name] for part in kept if name in part]
        if any(lines):
            pieces.append(_head(family, form))
            pieces.extend(lines)
    if form is Format.OPENMETRICS:
        pieces.append("# EOF\n")
    return "".join(pieces).encode("utf-8", "replace")


def _head(family: Family, form: Format) -> str:
    """HELP and TYPE, and in OpenMetrics UNIT; that format names a counter without its `_total`."""
    explained = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if form is Format.TEXT:
        return f"# HELP {family.name} {explained}\n# TYPE {family.name} {family.kind}\n"
    name = family.base_name
    unit = f"# UNIT {name} {family.unit}\n" if family.unit and family.kind is not Kind.COUNTER else ""
    quoted = explained.replace('"', r"\"")
    return f"# HELP {name} {quoted}\n# TYPE {name} {family.kind}\n{unit}"
