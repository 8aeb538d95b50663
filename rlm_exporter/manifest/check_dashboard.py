"""What must hold between the parts of a dashboard's document."""

from collections.abc import Iterator

from rlm_exporter.manifest.dashboard import PanelType
from rlm_exporter.manifest.document import Part, Problem, shown


def check_dashboard(document: Part) -> Iterator[Problem]:
    """Every problem of one document."""
    for panel in document.at("spec", "panels").children():
        yield from _check_time_range(panel)
        yield from _check_visualization(panel)
    yield from _check_names(document.at("spec", "alerts"))


def _check_time_range(panel: Part) -> Iterator[Problem]:
    """Grafana has one time range for a panel."""
    ranges = [target.at("timeRange") for target in panel.at("targets").children()]
    given = [part for part in ranges if part.is_given]
    for part in given[1:]:
        if part.text != given[0].text:
            yield part.problem(
                f"{part.text} differs from {given[0].text} in line {given[0].line}; a panel shows one time "
                "range, so give each its own panel"
            )


def _check_visualization(panel: Part) -> Iterator[Problem]:
    kind = panel.at("type").text
    if kind is None or kind == PanelType.STAT:
        return
    for part in panel.at("visualization").children():
        yield part.problem(f"is for panels of type stat, and this one is of type {kind}; leave it out")


def _check_names(alerts: Part) -> Iterator[Problem]:
    first: dict[str, Part] = {}
    for alert in alerts.children():
        name = alert.at("name")
        if name.text is None:
            continue
        other = first.setdefault(name.text, name)
        if other is not name:
            yield name.problem(
                f"{shown(name.text)} is also the alert in line {other.line}; give each a name of its own"
            )
