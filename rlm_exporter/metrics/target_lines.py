"""What the page of one target says that the whole page does not, and which lines are one server's. Pure.

In multi-target exporters a scrape starts the probe. Here it reads what the last check saw, so the check's
time is told, and one that is too old counts as failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.lines import Lines
from rlm_exporter.metrics.text import escape_label
from rlm_exporter.probe.snapshot import ServerSnapshot


class Module(StrEnum):
    """Which probe `probe_success` tells of."""

    LICENSE = "license"
    """The whole check of the license service: what `rlm_server_up` says."""
    WEB = "web"
    """The web interface: what `rlm_web_interface_up` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the last probe of a kind saw."""

    ok: bool
    ended_at: datetime
    duration: timedelta | None
    """None where it says nothing about the server."""


def target_lines(
    cluster: str, server: str, part: ServerSnapshot, *, module: Module, limit: timedelta, now: datetime
) -> Mapping[str, str]:
    """The lines by family name; none before the first probe. An empty `server` stands for the cluster.

    `part` is of the server that is judged, `limit` the age at which what it says is too old.
    """
    seen = _web(part) if module is Module.WEB else _license(part)
    if seen is None:
        return {}
    fresh = now - seen.ended_at <= limit
    lines = Lines(cluster, server)
    lines.add(f.TARGET_SUCCESS, seen.ok and fresh)
    if fresh and seen.duration is not None:
        lines.add(f.TARGET_DURATION, seen.duration.total_seconds())
    lines.add(f.TARGET_TIMESTAMP, seen.ended_at.timestamp())
    return lines.chunks()


def only_of(server: str, chunks: Mapping[str, str]) -> Mapping[str, str]:
    """Those lines of a cluster that are about one server."""
    # A quote inside of a value is escaped, so this can be nothing but the label; cluster stands before it.
    label = f',server="{escape_label(server)}"'
    kept = {
        name: "".join(f"{line}\n" for line in text.split("\n") if label in line)
        for name, text in chunks.items()
    }
    return {name: text for name, text in kept.items() if text}


def _license(part: ServerSnapshot) -> _Seen | None:
    if part.checked_at is None:
        return None
    probe = part.license
    duration = None if probe is None or probe.ours else probe.duration
    return _Seen(ok=part.health.is_up, ended_at=part.checked_at, duration=duration)


def _web(part: ServerSnapshot) -> _Seen | None:
    if part.web is None:
        return None
    duration = None if part.web.ours else part.web.duration
    return _Seen(ok=part.web.ok, ended_at=part.web.ended_at, duration=duration)
