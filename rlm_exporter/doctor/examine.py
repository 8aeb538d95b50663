"""Makes all checks at once; each ends within its limit, and none ends the others."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rlm_exporter.doctor.checks import (
    alertmanager,
    balancer_path,
    certificates,
    clocks,
    disk,
    haproxy,
    haproxy_file,
    journal,
    license_files,
    names,
    ports,
    prometheus,
    servers,
    shared_folders,
    versions,
    web_password,
)
from rlm_exporter.doctor.finding import About, Examined, Finding, Outcome, error
from rlm_exporter.doctor.site import Site
from rlm_exporter.errors import RlmExporterError

LIMIT = 30.0
"""Seconds for one check; whatever it asks has a limit of its own below that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check."""

    about: About
    examine: Callable[[Site], Awaitable[Outcome]]


CHECKS = tuple(
    Check(about=module.ABOUT, examine=module.examine)
    for module in (
        names,
        ports,
        servers,
        balancer_path,
        versions,
        web_password,
        certificates,
        clocks,
        license_files,
        shared_folders,
        haproxy,
        haproxy_file,
        prometheus,
        alertmanager,
        disk,
        journal,
    )
)
"""In the order in which they are shown: what the next one needs comes first."""


async def examine_site(site: Site, *, checks: tuple[Check, ...] = CHECKS) -> tuple[Examined, ...]:
    """Every check and what came of it."""
    return tuple(await asyncio.gather(*(_examine(check, site) for check in checks)))


async def _examine(check: Check, site: Site) -> Examined:
    clock = site.means.clock
    began = clock.monotonic()
    try:
        async with asyncio.timeout(LIMIT):
            outcome = await check.examine(site)
    except TimeoutError:
        outcome = (_unfinished(check, f"it was not finished within {LIMIT:g} s"),)
    except RlmExporterError as problem:
        outcome = (_unfinished(check, str(problem)),)
    return Examined(about=check.about, outcome=outcome, seconds=clock.monotonic() - began)


def _unfinished(check: Check, what: str) -> Finding:
    return error(
        check.about.name,
        what,
        why="what it looks at is not known",
        remedy="see what is wrong with this machine or its network, and ask again",
    )
