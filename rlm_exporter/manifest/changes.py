"""What differs between two documents, and a document with some values changed (pure)."""

from collections.abc import Iterator, Mapping, Sequence

from rlm_exporter.manifest.document import Path, Step, Value, dotted_path, shown


def differences(old: Value, new: Value) -> tuple[str, ...]:
    """One line for each value that is another, new (+) or gone (-), as `  spec.type: 2 -> 3`."""
    return tuple(_differences(old, new, ()))


def _differences(old: Value, new: Value, path: Path) -> Iterator[str]:
    if _is_branch(old) and _is_branch(new) and isinstance(old, Mapping) is isinstance(new, Mapping):
        before, after = _children(old), _children(new)
        for step in (*before, *(step for step in after if step not in before)):
            yield from _differences(before.get(step), after.get(step), (*path, step))
    elif old is None and new is not None:
        yield from (f"+ {line}" for line in _lines(new, path))
    elif new is None and old is not None:
        yield from (f"- {line}" for line in _lines(old, path))
    elif old != new:
        yield f"  {dotted_path(path)}: {_said(old)} -> {_said(new)}"


def _is_branch(value: Value) -> bool:
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str)


def _children(value: Value) -> dict[Step, Value]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value or ())
    return dict(items)


def _lines(value: Value, path: Path) -> Iterator[str]:
    if not _is_branch(value) or not value:
        yield f"{dotted_path(path)}: {_said(value)}"
        return
    for step, below in _children(value).items():
        if below is not None:
            yield from _lines(below, (*path, step))


def _said(value: Value) -> str:
    return shown(value).strip('"') if isinstance(value, str) else shown(value)


def with_values(document: Value, values: Mapping[Path, Value]) -> Value:
    """The document with these values, by the keys that lead to them; None takes a key away.

    Mappings on the way are made, and those that get empty are taken away.
    """
    for path, value in values.items():
        document = _with(document, path, value)
    return document


def _with(document: Value, path: Path, value: Value) -> Value:
    if not path:
        return value
    held = dict(document) if isinstance(document, Mapping) else {}
    key = str(path[0])
    below = _with(held.get(key), path[1:], value)
    if below is None or below == {}:
        held.pop(key, None)
    else:
        held[key] = below
    return held
