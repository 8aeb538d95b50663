"""The dashboards as an operator imports them, and what Grafana makes of their variables."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))

Document = dict[str, Any]
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
LEGEND_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One query of a panel or of an annotation, and the texts that its labels fill in."""

    where: str
    expr: str
    texts: tuple[str, ...]
    instant: bool
    since: str
    """How far back it looks: `6h`."""
    min_step: str | None

    @property
    def shown_labels(self) -> frozenset[str]:
        return frozenset(name for text in self.texts for name in LEGEND_LABEL.findall(text))


def load(path: Path) -> Document:
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def panels(document: Document) -> list[Document]:
    """Those that show something, headings left out."""
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def variables(document: Document) -> dict[str, Document]:
    return {each["name"]: each for each in document["templating"]["list"]}


def asked(document: Document) -> Iterator[Asked]:
    """Every query of the dashboard's panels and annotations."""
    since = str(document["time"]["from"]).removeprefix("now-")
    for panel in panels(document):
        for target in panel["targets"]:
            yield Asked(
                where=f"{panel['title']} {target['refId']}",
                expr=target["expr"],
                texts=() if target["legendFormat"] == "__auto" else (target["legendFormat"],),
                instant=target["instant"],
                since=panel.get("timeFrom", since),
                min_step=panel.get("interval"),
            )
    for each in document["annotations"]["list"]:
        yield Asked(
            where=f"annotation {each['name']}",
            expr=each["target"]["expr"],
            texts=(each["titleFormat"], each["textFormat"]),
            instant=False,
            since=since,
            min_step=each["target"]["interval"],
        )


def filled(text: str, values: Mapping[str, str]) -> str:
    """As Grafana fills in variables; one that nobody knows fails the test."""
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


BUILT_IN = {"__rate_interval": "20m", "__interval": "5m", "__range": "6h"}
ANY = {"cluster": "rlm-ha-cluster", "server": ".*", "isv": ".*", "feature": ".*", **BUILT_IN}
"""Values with which each query is PromQL."""
