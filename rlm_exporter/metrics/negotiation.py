"""Chooses the format and the encoding of the page by Accept and Accept-Encoding (RFC 9110, section 12.5).

Takes any header: what cannot be read counts as not sent, and a client that accepts nothing we have gets
plain text, which everybody can at least look at.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.metrics.text import Format

_QUALITY = re.compile(r"[01](?:\.[0-9]{0,6})?")
_VERSIONS = {Format.TEXT: "0.0.4", Format.OPENMETRICS: "1.0.0"}


class Encoding(StrEnum):
    """A content coding; the value is its Content-Encoding."""

    IDENTITY = "identity"
    GZIP = "gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What to send."""

    format: Format
    encoding: Encoding

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with the bytes."""
        headers = {"Content-Type": self.format.value, "Vary": "Accept, Accept-Encoding"}
        if self.encoding is not Encoding.IDENTITY:
            headers["Content-Encoding"] = self.encoding.value
        return headers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """One element of a header: a name, its parameters, its weight."""

    name: str
    parameters: dict[str, str]
    quality: float


def negotiate(accept: str, accept_encoding: str) -> Negotiated:
    """The best of what we have; an empty header is one that was not sent."""
    return Negotiated(format=_format(_ranges(accept)), encoding=_encoding(_ranges(accept_encoding)))


def _format(ranges: tuple[_Range, ...]) -> Format:
    """The heavier one; of equals, OpenMetrics where it was asked for by name, else text."""
    quality, exact = _weight(Format.OPENMETRICS, ranges)
    if quality == 0:
        return Format.TEXT
    text, _ = _weight(Format.TEXT, ranges)
    return Format.OPENMETRICS if quality > text or (quality == text and exact) else Format.TEXT


def _weight(form: Format, ranges: tuple[_Range, ...]) -> tuple[float, bool]:
    """The weight of a format, and whether it was named in full; the most specific range decides."""
    media = form.value.partition(";")[0]
    family = media.partition("/")[0]
    for name in (media, f"{family}/*", "*/*"):
        matching = [each for each in ranges if each.name == name and _is_version(each, form)]
        if matching:
            return max(each.quality for each in matching), name == media
    return 0, False


def _is_version(wanted: _Range, form: Format) -> bool:
    return wanted.parameters.get("version", _VERSIONS[form]) == _VERSIONS[form]


def _encoding(ranges: tuple[_Range, ...]) -> Encoding:
    """gzip where it is welcome and not liked less than no coding at all."""
    weights = {each.name: each.quality for each in ranges}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0)))
    identity = weights.get("identity", 0)
    return Encoding.GZIP if gzip > 0 and gzip >= identity else Encoding.IDENTITY


def _ranges(header: str) -> tuple[_Range, ...]:
    """The elements of a header; those whose weight cannot be read are left out."""
    ranges = []
    for element in header.split(","):
        name, *rest = (part.strip() for part in element.lower().split(";"))
        parameters = {
            key.strip(): value.strip(' "') for key, _, value in (part.partition("=") for part in rest)
        }
        quality = parameters.pop("q", "1")
        if name and _QUALITY.fullmatch(quality):
            ranges.append(_Range(name=name, parameters=parameters, quality=min(float(quality), 1.0)))
    return tuple(ranges)
