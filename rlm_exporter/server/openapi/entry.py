"""One entry of the document: a method of a path, with what it takes and answers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.shapes import Schema

JSON = "application/json"
TEXT = "text/plain"

Problems = Mapping[int, tuple[str, ...]]
"""By status, the kinds of problem that may be told with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a path, a query or the headers."""

    name: str
    place: str
    """`path`, `query` or `header`."""
    schema: Schema
    meaning: str
    required: bool = False
    example: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer that is no problem."""

    meaning: str
    schema: Schema
    content: tuple[str, ...] = (JSON,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries."""

    schema: Schema
    example: object
    required: bool = True
    encodings: str = ""
    """In words, where a body may be packed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A method of a path."""

    method: str
    path: str
    name: str
    """For programs: the operationId."""
    summary: str
    part: str
    """The chapter that it stands in."""
    role: Role | None
    """What a token needs for it; None where nobody is asked for one."""
    answers: Mapping[int, Told]
    problems: Problems = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    more: str = ""
    """What the summary has no room for."""
