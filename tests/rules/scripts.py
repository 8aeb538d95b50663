"""Makes promtool's unit tests of the cases, as documents."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.rules.cases import Case, Phases, Telling
from tests.rules.documents import Alert, alerts, load
from tests.rules.programs import RULES

Document = dict[str, Any]


def rule_of(case: Case) -> Alert:
    """The rule that the case is about."""
    [rule] = [
        each for each in alerts() if (each.name, each.labels["severity"]) == (case.alert, case.severity)
    ]
    return rule


def rules_for(case: Case, file: str) -> Document:
    """Of a rule file, the one alert and what is recorded: others of its name would be seen beside it."""
    [group] = load(RULES / file)["groups"]
    rules = [
        rule
        for rule in group["rules"]
        if "record" in rule or (rule["alert"], rule["labels"]["severity"]) == (case.alert, case.severity)
    ]
    return {"groups": [{"name": group["name"], "rules": rules}]}


def script(case: Case, *, rule_file: str) -> Document:
    """The tests of one case; each states its interval."""
    return {
        "rule_files": [rule_file],
        "evaluation_interval": f"{case.step}s",
        "tests": [_whole(case), *_without_each(case), _without_all(case)],
    }


def _whole(case: Case) -> Document:
    """It fires, not before its time, lasts, and clears."""
    begins, ends = case.before, case.before + case.during
    moments = [
        (begins - case.step, []),
        (begins + case.fires - case.step, []),
        (begins + case.fires, _expected(case, (case.labels, case.description))),
        (ends - case.step, _expected(case, _last(case))),
        (ends + case.clears, []),
        (ends + case.clears + case.step, []),
    ]
    return _group(case, case.name, case.series, moments)


def _without_each(case: Case) -> list[Document]:
    """What becomes of it when one of its series is missing."""
    groups = []
    for name in case.series:
        rest = {other: phases for other, phases in case.series.items() if other != name}
        told = case.instead.get(name, (_last(case),) if name in case.not_needed else ())
        groups.append(_group(case, f"{case.name}, without {name}", rest, _at_the_end(case, *told)))
    return groups


def _without_all(case: Case) -> Document:
    told = case.instead.get("", ())
    return _group(case, f"{case.name}, without anything", {}, _at_the_end(case, *told))


def _at_the_end(case: Case, *told: Telling) -> list[tuple[int, list[Document]]]:
    return [(case.before + case.during - case.step, _expected(case, *told))]


def _last(case: Case) -> Telling:
    return case.labels, case.later or case.description


def _group(
    case: Case, name: str, series: Mapping[str, Phases], moments: Iterable[tuple[int, list[Document]]]
) -> Document:
    return {
        "name": name,
        "interval": f"{case.step}s",
        "input_series": [
            {"series": each, "values": _values(case, phases)} for each, phases in series.items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{moment}s", "alertname": case.alert, "exp_alerts": expected}
            for moment, expected in moments
        ],
    }


def _expected(case: Case, *told: Telling) -> list[Document]:
    rule = rule_of(case)
    return [
        {
            "exp_labels": {**labels, **rule.labels},
            "exp_annotations": {**rule.annotations, "description": description},
        }
        for labels, description in told
    ]


def _values(case: Case, phases: Phases) -> str:
    """In promtool's notation, where x5 means five more."""
    lengths = (case.before, case.during, case.after)
    parts = zip(phases, lengths, strict=True)
    return " ".join(_phase(phase, seconds // case.step - 1) for phase, seconds in parts)


def _phase(phase: str, more: int) -> str:
    return f"_x{more + 1}" if phase == "_" else f"{phase}x{more}"
