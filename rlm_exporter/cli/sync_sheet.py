"""What a sync would do and has done, as a JSON document, and as lines for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from rlm_exporter.cli.sheet import Block, Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.sync.plan import Action, FilePlan, ServerPlan, digest
from rlm_exporter.sync.push import Outcome, Pushed
from rlm_exporter.sync.rounds import Seen

_TONES = {
    Action.CREATE: Tone.GOOD,
    Action.CHANGE: Tone.WARNING,
    Action.UNCHANGED: Tone.QUIET,
    Action.REFUSE: Tone.BAD,
}
_WORDS = {
    Outcome.IN_STEP: "has what the masters say",
    Outcome.PUSHED: "written, reread, and its answer shows every seat",
    Outcome.REREAD: "reread: its files were right, and now its answer shows every seat of them",
    Outcome.NOT_SERVED: "NOT SERVED: its files are right, and it does not show what they grant",
    Outcome.WRITTEN: "written; rlm reads it at its next start, or at midnight",
    Outcome.REFUSED: "nothing is written, see above",
    Outcome.SILENT: "nothing is written: it does not answer",
    Outcome.UNREACHABLE: "nothing is written: its files cannot be read",
    Outcome.ROLLED_BACK: "ROLLED BACK: its answer did not show what the files grant",
    Outcome.BROKEN: "BROKEN: neither the new files nor the old ones are served; look at once",
    Outcome.NOT_TRIED: "left alone, because a server before it went wrong",
}


def document(cluster: str, seen: Sequence[Seen], pushed: Sequence[Pushed] | None) -> dict[str, Any]:
    """`pushed` None = nothing was to be done."""
    found: dict[str, Any] = {"cluster": cluster, "servers": [_server(each) for each in seen]}
    if pushed is not None:
        found["outcomes"] = [
            {"server": each.server, "outcome": each.outcome.value, "detail": list(each.detail)}
            for each in pushed
        ]
    return found


def _server(each: Seen) -> dict[str, Any]:
    plan = each.plan
    if plan is None:
        known: dict[str, Any] = {"in_step": None, "trouble": each.trouble, "unserved": None, "files": []}
        return {"server": each.server.name, **known}
    return {
        "server": each.server.name,
        "in_step": plan.in_step,
        "trouble": None,
        "unserved": None if each.unserved is None else list(each.unserved),
        "foreign": list(plan.foreign),
        "unread": list(plan.unread),
        "files": [
            {
                "name": file.name,
                "action": file.action.value,
                "before": None if file.before is None else digest(file.before),
                "after": digest(file.after),
                "errors": list(file.errors),
                "warnings": list(file.warnings),
                "differences": list(file.differences),
            }
            for file in plan.files
        ],
    }


def plan_sheet(seen: Sequence[Seen]) -> Sheet:
    """Every server with its files."""
    blocks: list[Block] = []
    for each in seen:
        blocks += [*([Line(cells=(Cell(""),))] if blocks else []), *_one(each)]
    return tuple(blocks)


def _one(each: Seen) -> Iterator[Block]:
    yield Line(cells=(Cell(each.server.name, Tone.STRONG), Cell(each.server.host, Tone.QUIET)))
    if each.plan is None:
        yield Line(cells=(Cell(each.trouble or "", Tone.BAD),))
        return
    rows = [row for file in each.plan.files for row in _file(file)]
    rows += [
        row for name in each.plan.foreign for row in _foreign(name, is_read=name not in each.plan.unread)
    ]
    rows += _served(each)
    yield Table(
        columns=(Column(title="FILE"), Column(title=""), Column(title="", long=True)),
        rows=tuple(rows),
        wraps=True,
    )


def _file(file: FilePlan) -> Iterator[tuple[Cell, ...]]:
    hashes = digest(file.after) if file.before is None else f"{digest(file.before)} -> {digest(file.after)}"
    told = digest(file.after) if file.action is Action.UNCHANGED else hashes
    yield Cell(file.name), Cell(file.action, _TONES[file.action]), Cell(told, Tone.QUIET)
    for text in file.errors:
        yield Cell(""), Cell("error", Tone.BAD), Cell(text)
    for text in file.warnings:
        yield Cell(""), Cell("warning", Tone.WARNING), Cell(text)
    for text in file.differences:
        yield Cell(""), Cell("differs"), Cell(text)


def _served(each: Seen) -> Iterator[tuple[Cell, ...]]:
    if each.unserved:
        yield Cell(""), Cell("reread", Tone.WARNING), Cell("the files are right, and rlm serves other seats:")
        for text in each.unserved:
            yield Cell(""), Cell(""), Cell(text)
    elif each.plan is not None and each.plan.in_step and each.unasked is not None:
        told = f"nobody could ask whether rlm has read these files: {each.unasked}"
        yield Cell(""), Cell("unknown", Tone.WARNING), Cell(told)


def _foreign(name: str, *, is_read: bool) -> Iterator[tuple[Cell, ...]]:
    text = "no master has it; RLM loads it all the same, and its seats count"
    if not is_read:
        text = "no master has it, and it cannot be read here; RLM may load it, and seats in it count"
    yield Cell(name), Cell("foreign", Tone.WARNING), Cell(text)


def outcome_line(pushed: Pushed) -> str:
    """One server in one line, with what went wrong below it."""
    return "\n".join((f"{pushed.server}: {_WORDS[pushed.outcome]}", *(f"  {text}" for text in pushed.detail)))


def losses(plans: Sequence[ServerPlan]) -> tuple[str, ...]:
    """Products that a server would no longer have, each once."""
    found = {
        text
        for plan in plans
        for file in plan.changes
        for text in file.differences
        if "stands in the server, not in the master" in text and not text.startswith(("HOST", "ISV"))
    }
    return tuple(sorted(text.partition(":")[0] for text in found))
