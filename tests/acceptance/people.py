"""Who gets Alertmanager's messages, and rules that do not take hours to come."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from rlm_exporter.render.shipped import rule_files
from tests.ports import free_port

_TELLING = ("server", "balancer", "feature")
"""The labels by which an alert is known here, beside its name; those of one case tell it apart."""
_RANGE = re.compile(r"\[(\d+)m\]")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One alert of one delivery."""

    at: float
    """Monotonic."""
    alert: str
    """Its name, and whom it is about."""
    severity: str
    fires: bool


class People:
    """Takes deliveries; what it holds is what a person would have read."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._messages: list[Message] = []
        self._firing: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def take(self, delivery: dict[str, Any]) -> None:
        """One delivery of Alertmanager."""
        with self._lock:
            for alert in delivery["alerts"]:
                labels = alert["labels"]
                about = [labels[name] for name in _TELLING if name in labels]
                message = Message(
                    at=time.monotonic(),
                    alert=" ".join([labels["alertname"], *about]),
                    severity=labels["severity"],
                    fires=alert["status"] == "firing",
                )
                self._messages.append(message)
                change = self._firing.add if message.fires else self._firing.discard
                change((message.alert, message.severity))

    def fired(self, since: float) -> dict[str, str]:
        """What has been told since then, with its severity."""
        with self._lock:
            return {each.alert: each.severity for each in self._messages if each.fires and each.at >= since}

    def firing(self) -> frozenset[str]:
        """What has been told and not taken back, with its severity."""
        with self._lock:
            return frozenset(f"{alert} ({severity})" for alert, severity in self._firing)

    def as_receiver(self, example: dict[str, Any]) -> dict[str, Any]:
        """The example with this as its receiver `people`, told of everything soon.

        Not at once: two alerts of one evaluation come milliseconds apart. What is told before the one that
        mutes it has come is muted when it ends, so Alertmanager never takes it back.
        """
        example["route"] |= {"group_wait": "500ms", "group_interval": "1s"}
        for receiver in example["receivers"]:
            if receiver["name"] == "people":
                receiver["webhook_configs"] = [{"url": self.url, "send_resolved": True}]
        return example


@contextmanager
def people() -> Iterator[People]:
    """Somebody who is told, until the end of the block."""
    port = free_port()
    made = People(f"http://127.0.0.1:{port}/")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.take(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base calls it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hurried_rules(folder: Path) -> list[Path]:
    """The shipped rules in less time, in their order: some alerts mute others that wait longer.

    A minute becomes 6 s, half an hour 10 s; ranges are a sixtieth. What waits an hour is not shown.
    """
    folder.mkdir()
    written = []
    for shipped in rule_files():
        document = yaml.safe_load(shipped.read_text(encoding="utf-8"))
        for group in document["groups"]:
            group["rules"] = [_hurried(rule) for rule in group["rules"]]
        path = folder / shipped.name
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        written.append(path)
    return written


def _hurried(rule: dict[str, Any]) -> dict[str, Any]:
    expression = _RANGE.sub(r"[\1s]", rule["expr"]).replace(
        "timestamp_seconds < 900", "timestamp_seconds < 15"
    )
    hurried = {**rule, "expr": expression}
    if "for" in rule:
        hurried["for"] = _sooner(rule["for"])
    return hurried


def _sooner(duration: str) -> str:
    seconds = int(duration[:-1]) * _SECONDS[duration[-1]]
    if seconds >= 3600:
        return duration
    return f"{round(min(seconds, 60) * 100 + max(seconds - 60, 0) * 1000 / 400)}ms"
