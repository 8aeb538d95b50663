"""YAML text to documents that know the line of every part.

PyYAML parses; what a scalar means is ours. `2023.1000`, `22:22`, `on` and `5_053` are text that looks like
something else, and a manifest is no place for guesses: scalars stay text, and the schema says where a number
or true/false is wanted. Nesting, anchors and the number of values are bounded before anything is built.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml
from yaml.reader import ReaderError

from rlm_exporter.manifest.document import Document, Path, Plain, Problem, Value, shown

MAX_DEPTH = 30
MAX_VALUES = 20_000
"""Of one file, counting what an anchor stands for each time it is used."""

_MERGE = "<<"
_EMPTY = {"", "~", "null"}
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_ADVICE = (
    ("'\\t'", "indent with blanks, not with tabs"),
    ("mapping values are not allowed", "look at the indentation, and put text that holds a colon in quotes"),
    ("expected ',' or ']'", "close the list, or put text that begins with [ in quotes"),
    ("expected ',' or '}'", "close the mapping, or put text that begins with { in quotes"),
    ("quoted scalar", "close the quotes"),
)
_TAG = "{} is a YAML tag; leave it out, quotes are enough for text"
_NO_ANCHOR = "takes what an anchor stands for (<<: *name), or a list of such"


class _UnusableError(Exception):
    """Ends the reading of a file."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


@dataclass(slots=True)
class _Scalar:
    line: int
    value: str | None


@dataclass(slots=True)
class _List:
    line: int
    items: list["_Node"] = field(default_factory=list)


@dataclass(slots=True)
class _Entry:
    key: str
    line: int
    node: "_Node"


@dataclass(slots=True)
class _Map:
    line: int
    entries: list[_Entry] = field(default_factory=list)


_Node: TypeAlias = _Scalar | _List | _Map


def read_documents(text: str, source: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Every document up to the first thing that is not YAML, and what is wrong. Empty ones are left out."""
    reader = _Reader(text, source)
    documents: list[Document] = []
    try:
        for document in reader.documents():
            documents.append(document)  # noqa: PERF402 - those before an error count too
    except _UnusableError as error:
        reader.complain(error.line, error.text)
    return tuple(documents), tuple(reader.problems)


class _Reader:
    """Reads one text. Raises _UnusableError where nothing after this point can be trusted."""

    def __init__(self, text: str, source: str) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._events = _events(text)
        self._anchors: dict[str, _Node] = {}
        self._open: set[int] = set()
        self._read = 0
        self._expanded = 0
        self._lines: dict[Path, int] = {}
        self._repeated: set[int] = set()

    def complain(self, line: int, text: str, path: Path = ()) -> None:
        """Note a problem."""
        self.problems.append(Problem(source=self._source, line=line, path=path, text=text))

    def documents(self) -> Iterator[Document]:
        """The documents that say anything."""
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            self._anchors, self._lines = {}, {}
            node = self._node(next(self._events), depth=0)
            value = self._expand(node, ())
            if value is not None:
                yield Document(source=self._source, line=node.line, value=value, lines=self._lines)

    def _node(self, event: yaml.Event, *, depth: int) -> _Node:
        line = _line(event)
        self._read += 1
        _bound(line, depth=depth, values=self._read)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            return self._anchored(str(event.anchor) if isinstance(event, yaml.AliasEvent) else "", line)
        if event.tag is not None:
            self.complain(line, _TAG.format(shown(event.tag.replace("tag:yaml.org,2002:", "!!"))))
        node = self._start(event, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._open.add(id(node))
        if isinstance(node, _List):
            self._read_items(node, depth)
        elif isinstance(node, _Map):
            self._read_entries(node, depth)
        self._open.discard(id(node))
        return node

    def _start(self, event: yaml.Event, line: int) -> _Node:
        if isinstance(event, yaml.ScalarEvent):
            return _Scalar(line=line, value=self._scalar(event, line))
        return _List(line=line) if isinstance(event, yaml.SequenceStartEvent) else _Map(line=line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> str | None:
        if _NO_TEXT.search(event.value):
            self.complain(line, "holds a character that cannot be part of a text; leave it out")
            return None
        if event.style is not None:
            return str(event.value)
        return None if event.value in _EMPTY else Plain(event.value)

    def _anchored(self, anchor: str, line: int) -> _Node:
        node = self._anchors.get(anchor)
        if node is None:
            raise _UnusableError(
                line, f"*{anchor} is used, and there is no &{anchor} before it in this document"
            )
        if id(node) in self._open:
            raise _UnusableError(line, f"*{anchor} stands inside what it stands for; write it out")
        return node

    def _read_items(self, node: _List, depth: int) -> None:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            node.items.append(self._node(event, depth=depth + 1))

    def _read_entries(self, node: _Map, depth: int) -> None:
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                return
            line = _line(event)
            key = self._node(event, depth=depth + 1)
            value = self._node(next(self._events), depth=depth + 1)
            if isinstance(key, _Scalar):
                node.entries.append(_Entry(key=key.value or "", line=line, node=value))
            else:
                self.complain(line, "a key is a mapping or a list; write a word, or put {{ and [ in quotes")

    def _expand(self, node: _Node, path: Path) -> Value:
        self._expanded += 1
        _bound(node.line, depth=len(path), values=self._expanded)
        match node:
            case _Scalar():
                return node.value
            case _List():
                return [self._child(item, (*path, index), item.line) for index, item in enumerate(node.items)]
            case _Map():
                entries = self._entries(node, path).items()
                return {key: self._child(entry.node, (*path, key), entry.line) for key, entry in entries}

    def _child(self, node: _Node, path: Path, line: int) -> Value:
        self._lines[path] = line
        return self._expand(node, path)

    def _entries(self, node: _Map, path: Path) -> dict[str, _Entry]:
        """The mapping's entries; its own before merged ones."""
        own: dict[str, _Entry] = {}
        for entry in node.entries:
            first = own.setdefault(entry.key, entry)
            if first is not entry and entry.key != _MERGE and id(entry) not in self._repeated:
                self._repeated.add(id(entry))
                text = f"stands here again, first in line {first.line}; keep one of the two"
                self.complain(entry.line, text, (*path, entry.key))
        own.pop(_MERGE, None)
        for merged in self._merged(node, path):
            for key, entry in self._entries(merged, path).items():
                self._expanded += 1
                _bound(node.line, depth=len(path), values=self._expanded)
                own.setdefault(key, entry)
        return own

    def _merged(self, node: _Map, path: Path) -> Iterator[_Map]:
        for entry in node.entries:
            if entry.key != _MERGE:
                continue
            for target in entry.node.items if isinstance(entry.node, _List) else [entry.node]:
                self._expanded += 1
                _bound(entry.line, depth=len(path), values=self._expanded)
                if isinstance(target, _Map):
                    yield target
                else:
                    self.complain(entry.line, _NO_ANCHOR, (*path, _MERGE))


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _UnusableError(mark.line + 1 if mark else 1, _syntax(error.problem or "")) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _UnusableError(
            line, "holds a control character; this is no text file, or a damaged one"
        ) from error
    except (ValueError, OverflowError) as error:  # PyYAML's chr() and int() of what the text says
        raise _UnusableError(
            1, "not YAML: an escape such as \\U or a %YAML line holds too high a number"
        ) from error


def _syntax(problem: str) -> str:
    words = shown(problem)[1:-1]
    for sign, advice in _ADVICE:
        if sign in problem:
            return f"not YAML: {words}; {advice}"
    return f"not YAML: {words}; look at this line and at the one before it"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _bound(line: int, *, depth: int, values: int) -> None:
    if depth > MAX_DEPTH:
        raise _UnusableError(line, f"nested deeper than {MAX_DEPTH} levels; this is no manifest")
    if values > MAX_VALUES:
        text = f"more than {MAX_VALUES} values, anchors counted each time they are used; split the file"
        raise _UnusableError(line, text)
