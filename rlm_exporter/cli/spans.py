"""Spans of time as options have them: days and weeks too."""

import re
from datetime import timedelta

import click

from rlm_exporter.manifest.durations import parse_duration

_LONG = re.compile(r"([0-9]{1,5})([dw])")


def read_span(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> timedelta | None:
    """A callback of click: a duration as manifests write it, or whole days or weeks."""
    if value is None:
        return None
    if match := _LONG.fullmatch(value):
        return int(match[1]) * (timedelta(days=1) if match[2] == "d" else timedelta(weeks=1))
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: write it like 30d, 12h or 90m") from error
