"""What jobs get as facts, and what becomes otherwise as a table."""

from collections.abc import Iterator

from rlm_exporter.cli.client_config_answers import ClientConfigAnswer, ClientConfigUpdate
from rlm_exporter.cli.phrases import UNKNOWN, moment_in_words
from rlm_exporter.cli.sheet import Cell, Column, Facts, Line, Sheet, Table, Tone

_RESULTS = {
    "changed": "changed",
    "unchanged": "unchanged",
    "plan": "nothing was changed; this would become otherwise",
}


def config_sheet(config: ClientConfigAnswer) -> Sheet:
    """One server a line: a list is too long for one."""
    return (Facts(pairs=tuple(_facts(config))),)


def update_sheet(update: ClientConfigUpdate) -> Sheet:
    """What came of it, and the difference."""
    heading = Line(
        cells=(Cell(f"{update.config.cluster}: {_RESULTS.get(update.result, update.result)}", Tone.STRONG),)
    )
    if not update.changes:
        return (heading,)
    columns = (
        Column(title="WHAT"),
        Column(title="FROM", long=True),
        Column(title="TO", long=True),
    )
    rows = tuple(
        (Cell(each.name), Cell(each.before, Tone.QUIET), Cell(each.after)) for each in update.changes
    )
    return (heading, Table(columns=columns, rows=rows, wraps=True))


def _facts(config: ClientConfigAnswer) -> Iterator[tuple[str, Cell]]:
    yield "cluster", Cell(config.cluster, Tone.STRONG)
    yield "active", Cell(config.active or UNKNOWN)
    yield from _jobs(config)
    yield "failover", Cell(_follows(config))
    yield "mode", Cell(config.license_redundancy_mode)
    yield "set by", Cell(_by(config))
    for number, file in enumerate(config.files):
        tone = Tone.PLAIN if file.trouble is None else Tone.BAD
        yield "" if number else "files", Cell(f"{file.path} ({file.format})", tone)


def _jobs(config: ClientConfigAnswer) -> Iterator[tuple[str, Cell]]:
    jobs = config.jobs
    if jobs is None:
        yield "jobs get", Cell("not known: nobody knows who is active", Tone.WARNING)
        return
    for number, server in enumerate(jobs.servers):
        yield "" if number else "jobs get", Cell(server)
    names = ", ".join(("RLM_LICENSE", *(f"{isv}_LICENSE" for isv in jobs.isvs)))
    yield "as", Cell(names)
    yield "dead server", Cell(f"holds a checkout up for {jobs.connect_timeout_seconds} s")


def _follows(config: ClientConfigAnswer) -> str:
    if config.license_failover_enabled:
        return "enabled: told anew at each move, the active server first"
    return "not enabled: the same list whoever is active"


def _by(config: ClientConfigAnswer) -> str:
    if config.set_at is None:
        return "nobody: all is as the manifest has it"
    what = " ".join(config.license_servers) or "as the manifest has it"
    return f"{config.set_by or UNKNOWN}, {moment_in_words(config.set_at)} UTC: {what}"
