"""The default password of the web interface, which stops RLM 15.1 and 15.2 ten minutes after its start."""

from rlm_exporter.doctor.checks.versions import shown, version_of
from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, warning
from rlm_exporter.doctor.site import Site

ABOUT = About(name="web-password", looks_at="servers that may stop themselves over their web password")
STOPS_AFTER = 10 * 60
"""Seconds; such a server has never been up for longer."""


async def examine(site: Site) -> Outcome:
    """Nobody logs in for it: what matters is whether a server has outlived those ten minutes."""
    found: list[Finding] = []
    told = False
    for server in site.cluster.servers:
        status, version = site.answers[server.name].payload, version_of(site, server)
        up = status.server.uptime_seconds if status is not None and status.server is not None else None
        if version is None or up is None:
            continue
        told = True
        if (14, 2) <= version < (16, 0) and up < STOPS_AFTER:
            found.append(
                warning(
                    server.name,
                    f"RLM {shown(version)} has run for {up // 60} minutes",
                    why="with a default or blank web password it stops itself ten minutes after its start",
                    remedy="see that every web password has been set (rlm.pw), and ask again in ten minutes",
                )
            )
    return tuple(found) if told else Skipped(why="no server has told its version and since when it runs")
