"""A Prometheus on what the story left behind, with days before it, and its answers to a dashboard."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from dev.dashboards.picture_past import DAYS, lines
from dev.dashboards.picture_questions import Document, Series, Span, filled, name_of
from dev.steps import SetupError, run
from rlm_exporter.demo.layout import Layout
from rlm_exporter.demo.programs import find_programs, free_layout

_LABEL_VALUES = re.compile(r"label_values\((.*), (\w+)\)")
_START_LIMIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """When it was, and the series that have days before it."""

    began: float
    ended: float
    series: tuple[Any, ...]


def read_story(folder: Path) -> Story:
    """What `picture_stage` has kept."""
    try:
        told = json.loads((folder / "story.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SetupError("there is no story yet: run `make dashboard-pictures` without AGAIN=1") from error
    return Story(began=told["began"], ended=told["ended"], series=tuple(told["series"]))


@contextlib.contextmanager
def prometheus_on(folder: Path, story: Story) -> Iterator["Answers"]:
    """One that scrapes nothing, on a copy: what was seen stays as it is."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        shutil.copytree(folder / "data", data)
        _write_past(Path(name), data, story)
        (Path(name) / "prometheus.yml").write_text("{}", encoding="utf-8")
        layout = free_layout("127.0.72")
        process = _start(Path(name), layout)
        try:
            answers = Answers(url=layout.prometheus_url)
            answers.wait()
            yield answers
        finally:
            process.terminate()
            process.wait(20)


def _write_past(folder: Path, data: Path, story: Story) -> None:
    text = folder / "past.om"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(lines(story.series, until=int(story.began)))
        file.write("# EOF\n")
    blocks = ("--quiet", "--max-block-duration=240h")
    run(["promtool", "tsdb", "create-blocks-from", "openmetrics", *blocks, text, data])


def _start(folder: Path, layout: Layout) -> subprocess.Popen[bytes]:
    command = [
        find_programs().prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={DAYS + 30}d",
        f"--web.listen-address=127.0.0.1:{layout.prometheus_port}",
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Answers:
    """Of one Prometheus."""

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def wait(self) -> None:
        """Until it answers."""
        until = time.monotonic() + _START_LIMIT
        while time.monotonic() < until:
            with contextlib.suppress(requests.RequestException):
                if self._session.get(f"{self._url}/-/ready", timeout=2).status_code == 200:
                    return
            time.sleep(0.2)
        raise SetupError(f"Prometheus was not ready within {_START_LIMIT:g} s")

    def chosen(self, dashboard: Document, story: Story) -> tuple[dict[str, str], dict[str, str]]:
        """Each variable's value in queries and the words for it, when the dashboard is opened."""
        values: dict[str, str] = {}
        shown: dict[str, str] = {}
        for variable in dashboard["templating"]["list"]:
            if variable["type"] != "query":
                shown[variable["label"]] = {"datasource": "Prometheus"}.get(
                    variable["type"], variable["query"]
                )
                continue
            found = self._choices(variable, values, story)
            values[variable["name"]] = "|".join(found) if variable["multi"] else found[0]
            shown[variable["label"]] = "All" if variable["multi"] else found[0]
        return values, shown

    def _choices(self, variable: Document, values: Mapping[str, str], story: Story) -> list[str]:
        span = Span(start=story.began, end=story.ended, step=1)
        match = _LABEL_VALUES.fullmatch(filled(variable["query"]["query"], values, span))
        if match is None:
            raise SetupError(f"pictures do not know this query of a variable: {variable['query']['query']}")
        times = {"start": str(story.began), "end": str(story.ended)}
        found: list[str] = self._ask(f"label/{match[2]}/values", {"match[]": match[1], **times})
        return found

    def series(self, panel: Document, values: Mapping[str, str], span: Span, *, now: float) -> list[Series]:
        """What all queries of a panel find, in their order."""
        found = []
        for target in panel["targets"]:
            query = filled(target["expr"], values, span)
            told = self._at(query, now) if target["instant"] else self._during(query, span)
            found += [_series(target, each) for each in told]
        return found

    def notes(self, dashboard: Document, values: Mapping[str, str], span: Span) -> list[tuple[float, str]]:
        """Moments of the annotations, each with its colour."""
        found = []
        for each in dashboard["annotations"]["list"]:
            query = filled(each["target"]["expr"], values, span)
            for told in self._during(query, span):
                moments = [float(moment) for moment, _ in told["values"]]
                found += [(moment, str(each["iconColor"])) for moment in moments]
        return found

    def _at(self, query: str, moment: float) -> list[Document]:
        found: list[Document] = self._ask("query", {"query": query, "time": str(moment)})["result"]
        return found

    def _during(self, query: str, span: Span) -> list[Document]:
        bounds = {"start": str(span.start), "end": str(span.end), "step": str(span.step)}
        found: list[Document] = self._ask("query_range", {"query": query, **bounds})["result"]
        return found

    def _ask(self, path: str, words: Mapping[str, str]) -> Any:
        answer = (
            self._session.post(f"{self._url}/api/v1/{path}", data=words, timeout=60)
            if path[:5] == "query"
            else self._session.get(f"{self._url}/api/v1/{path}", params=words, timeout=60)
        )
        told = answer.json()
        if told["status"] != "success":
            raise SetupError(f"Prometheus refuses {words}: {told['error']}")
        return told["data"]


def _series(target: Document, told: Document) -> Series:
    points = [told["value"]] if "value" in told else told["values"]
    return Series(
        ref=target["refId"],
        name=name_of(target["legendFormat"], told["metric"]),
        labels=told["metric"],
        points=tuple((float(moment), float(value)) for moment, value in points),
    )
