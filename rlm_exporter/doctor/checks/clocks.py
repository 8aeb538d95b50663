"""Clocks: how far each server's is from this machine's."""

from datetime import datetime, timedelta

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, warning
from rlm_exporter.doctor.site import Site
from rlm_exporter.manifest.model import Server
from rlm_exporter.probe.result import LicenseResult

ABOUT = About(name="clocks", looks_at="each server's clock against this machine's")
MOST = timedelta(seconds=30)
_QUARTER = timedelta(minutes=15)
"""All time zones are whole quarters of an hour apart."""


async def examine(site: Site) -> Outcome:
    """From rlmstat: when rlm started, and for how long it has run."""
    found: list[Finding] = []
    told = False
    for server in site.cluster.servers:
        ahead = ahead_of_us(server, site.answers[server.name])
        if ahead is None:
            continue
        told = True
        if abs(ahead) > MOST:
            seconds = round(abs(ahead).total_seconds())
            which = "ahead of" if ahead > timedelta() else "behind"
            found.append(
                warning(
                    server.name,
                    f"its clock is {seconds} s {which} this machine's",
                    why="licenses end at the wrong moment, logs cannot be laid beside each other, and RLM "
                    "refuses clocks that are set back",
                    remedy="have all machines follow one time server; never set a clock back by hand; "
                    "if the time zone is wrong, correct timezone: in the manifest",
                )
            )
    return tuple(found) if told else Skipped(why="no server has told its time")


def ahead_of_us(server: Server, answer: LicenseResult) -> timedelta | None:
    """How far the server's clock is ahead; without a `timezone` up to whole quarters of an hour."""
    status = answer.payload
    if status is None or not status.dated or status.server is None or status.server.uptime_seconds is None:
        return None
    ours = answer.ended_at.astimezone(server.zone).replace(tzinfo=None)
    ahead: timedelta = max(status.dated) - ours.replace(microsecond=0)
    if server.timezone is None:
        ahead = (ahead + _QUARTER / 2) % _QUARTER - _QUARTER / 2
    return _forgive(ahead, answer.started_at, answer.ended_at)


def _forgive(ahead: timedelta, began: datetime, ended: datetime) -> timedelta:
    """The answer is of some moment between the question and its end."""
    return min(ahead + (ended - began), timedelta()) if ahead < timedelta() else ahead
