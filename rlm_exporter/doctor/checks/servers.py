"""What rlmstat says of each server: does it answer, do its ISV servers run, are the products there?"""

from collections.abc import Iterator

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.site import Site
from rlm_exporter.manifest.model import Server, Takeover
from rlm_exporter.probe.through import missing_isvs
from rlm_exporter.rlm.status import RlmStatus

ABOUT = About(name="servers", looks_at="rlmstat of every server: its ISV servers and the wanted products")


async def examine(site: Site) -> Outcome:
    """From the answers that are there."""
    if site.answers and all(answer.ours for answer in site.answers.values()):
        answer = next(iter(site.answers.values()))
        return Skipped(why=answer.failure.detail if answer.failure is not None else "nobody was asked")
    found: list[Finding] = []
    for server in site.cluster.servers:
        answer = site.answers[server.name]
        if answer.payload is not None:
            found += _judge(site, server, answer.payload)
        elif answer.failure is not None:
            found.append(
                error(
                    server.name,
                    f"rlmstat gets no answer: {answer.failure.detail}",
                    why="it serves nobody, and cannot take over",
                    remedy="look into rlm's debug log; start the service, if it is meant to run",
                )
            )
    return tuple(found)


def _judge(site: Site, server: Server, status: RlmStatus) -> Iterator[Finding]:
    cluster = site.cluster
    wanted = {isv.casefold() for isv in cluster.wanted_isvs}
    stopped = [row.name for row in status.isvs if row.name.casefold() in wanted and not row.running]
    for isv in dict.fromkeys((*stopped, *missing_isvs(status, cluster.wanted_isvs))):
        yield error(
            server.name,
            f"the ISV server {isv} does not run or does not answer",
            why=f"rlm answers, and nobody gets a license of {isv}",
            remedy="look into rlm's debug log for `initialization error`: license file or port are wrong",
        )
    if cluster.takeover is Takeover.NATIVE and not status.pools:
        return  # a standby of RLM's own failover that waits
    shown = {((pool.isv or "").casefold(), pool.product.casefold()) for pool in status.pools}
    for feature in cluster.features:
        if (feature.isv.casefold(), feature.name.casefold()) not in shown:
            yield error(
                server.name,
                f"it has no {feature.name} of {feature.isv}",
                why="after a failover to it nobody gets that feature",
                remedy="bring it the license file (rlm-ha sync licenses), or correct the manifest's features",
            )
    for row in status.isvs:
        if row.restarts:
            yield warning(
                server.name,
                f"rlm had to start the ISV server {row.name} again {row.restarts} times",
                why="all its checkouts were lost each time",
                remedy="look into the ISV server's debug log for why it died",
            )
