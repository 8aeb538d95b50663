"""Configurations of Prometheus and Alertmanager, made of the shipped examples (pure).

The examples are what is tried with real parts; here they only get addresses and the places of secrets.
"""

import copy
from dataclasses import dataclass
from posixpath import join
from typing import Any
from urllib.parse import urlsplit

WEBHOOK = "/webhooks/alertmanager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """How one of our daemons is reached, and what it asks for."""

    urls: tuple[str, ...] = ("http://127.0.0.1:10053",)
    """Without a path; of several daemons each one's. All by the same scheme."""
    credentials_file: str | None = None
    """On the machine of Prometheus or Alertmanager; None = the daemon asks for no token."""
    ca_file: str | None = None

    @property
    def http_options(self) -> dict[str, Any]:
        """What the clients of Prometheus' family need to be let in."""
        options: dict[str, Any] = {}
        if self.credentials_file is not None:
            options["authorization"] = {"credentials_file": self.credentials_file}
        if self.ca_file is not None:
            options["tls_config"] = {"ca_file": self.ca_file}
        return options


def prometheus_document(
    example: dict[str, Any], daemon: Daemon, *, alertmanagers: tuple[str, ...], rules: str | None
) -> dict[str, Any]:
    """The example for these daemons and Alertmanagers; `rules` is the folder of the rule files."""
    document = copy.deepcopy(example)
    if rules is not None:
        document["rule_files"] = [join(rules, name) for name in document["rule_files"]]
    document["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]}
    targets = [urlsplit(url).netloc for url in daemon.urls]
    scheme = {"scheme": "https"} if daemon.urls[0].startswith("https:") else {}
    for job in document["scrape_configs"]:
        del job["static_configs"]
        # Addresses at the end, where people look for them.
        job.update({**scheme, **daemon.http_options, "static_configs": [{"targets": targets}]})
    return document


def alertmanager_document(example: dict[str, Any], daemon: Daemon) -> dict[str, Any]:
    """The example with the webhook of each daemon; who does not act for a cluster passes nothing on."""
    document = copy.deepcopy(example)
    for receiver in document["receivers"]:
        hooks = receiver.get("webhook_configs")
        if not hooks:
            continue
        pattern = {key: value for key, value in hooks[0].items() if key != "url"}
        options = {"http_config": daemon.http_options} if daemon.http_options else {}
        receiver["webhook_configs"] = [
            {"url": f"{url.rstrip('/')}{WEBHOOK}", **pattern, **options} for url in daemon.urls
        ]
    return document


def write_document(head: str, document: dict[str, Any]) -> str:
    """As YAML, under a comment."""
    import yaml  # noqa: PLC0415 - takes a while to load, and few commands need it

    lines = "".join(f"# {line}\n" for line in head.splitlines())
    return lines + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
