"""`rlm-ha license-servers deploy` and `remove`, `licenses export` and `import`: manifests and the daemon."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from rlm_exporter.cli.client import Client, connect
from rlm_exporter.cli.deploy_answers import ConfiguredAnswer, DeployAnswer, DeployedView
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.manners import Format, Manners, current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ApiError, ConfigurationError

LARGEST = 1024 * 1024
"""Bytes; what the daemon takes for a manifest."""

dry_run_option = click.option("--dry-run", is_flag=True, help="Only show what would change.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask before something is changed.")


@click.command("deploy")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@yes_option
@url_option
def deploy_command(file: Path, *, dry_run: bool, yes: bool) -> int:
    """Have the daemon look after the clusters of manifest FILE; `-` is stdin.

    New clusters are taken at once. What would change in others is shown, and asked for. The same again is
    "unchanged". A manifest that would move clients by itself is refused, and so is a change of a cluster
    that stands in a file of the daemon's: change it there.

    \b
    Examples:
      rlm-ha license-servers deploy site.yaml --dry-run
      rlm-ha licenses export site | rlm-ha license-servers deploy - --yes
    """
    return _deploy(file, dry_run=dry_run, yes=yes)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@yes_option
@url_option
def import_command(file: Path, *, dry_run: bool, yes: bool) -> int:
    """Take a manifest back that `licenses export` has written: the same as `license-servers deploy`.

    \b
    Examples:
      rlm-ha licenses import site.yaml --yes
    """
    return _deploy(file, dry_run=dry_run, yes=yes)


@click.command("export")
@click.argument("name")
@click.option(
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it there instead of printing it.",
)
@url_option
def export_command(name: str, *, file: Path | None) -> None:
    """Print the whole manifest of cluster NAME as one YAML document, with all that was set since.

    It is what `license-servers deploy` takes back as unchanged. It names files with keys and never holds
    their contents. A load balancer of the daemon's own settings is not part of it.

    \b
    Examples:
      rlm-ha licenses export site > site.yaml
    """
    manners = current_manners()
    answer = connect(manners).manifest(name)
    if file is not None:
        write_for_somebody(file, answer.value.manifest)
        click.echo(f"{file} is written", err=True)
    elif manners.output is Format.JSON:
        emit(answer.document, tuple, manners=manners)
    else:
        click.echo(answer.value.manifest, nl=False)


@click.command("remove")
@click.argument("name")
@yes_option
@url_option
def remove_command(name: str, *, yes: bool) -> int:
    """Have the daemon look after cluster NAME no more.

    Nobody is moved: servers and load balancers stay as they are, and are on their own from then on. The
    journal and the usage log keep what is in them.

    \b
    Examples:
      rlm-ha licenses export site > site.yaml
      rlm-ha license-servers remove site
    """
    manners = current_manners()
    client = connect(manners)
    click.echo(printable(f"{name}, {_what_it_is(client, name)}"), err=True)
    if not yes and not _is_sure("Look after it no more?"):
        click.echo("Nothing was changed.", err=True)
        return ExitCode.FAILED
    answer = client.remove(name, requested_by=login_name(os.environ))
    show_deployed(answer.document, answer.value, manners=manners)
    return ExitCode.DONE


def _what_it_is(client: Client, name: str) -> str:
    try:
        shown = client.manifest(name).value
    except ApiError as error:
        if error.exit_code != ExitCode.NOT_FOUND:
            raise
        return "which is not looked after, if it was ever deployed"  # what cannot be used may go too
    return _whose(shown.owner, shown.source)


def _whose(owner: str, source: str) -> str:
    return f"of the file {source}" if owner == "file" else "as it was deployed"


def _deploy(file: Path, *, dry_run: bool, yes: bool) -> int:
    manners = current_manners()
    wish = {"manifest": _read(file), "source": "stdin" if str(file) == "-" else str(file)}
    client = connect(manners)
    plan = client.deploy({**wish, "dry_run": True})
    if dry_run or not _is_wanted(plan.value, yes=yes):
        show_deployed(plan.document, plan.value, manners=manners)
        return _unless_declined(plan.value, dry_run=dry_run)
    answer = client.deploy(
        {
            **wish,
            "after": {each.cluster: each.revision for each in plan.value.clusters},
            "requested_by": login_name(os.environ),
        }
    )
    show_deployed(answer.document, answer.value, manners=manners)
    return ExitCode.DONE


def _unless_declined(plan: DeployAnswer, *, dry_run: bool) -> int:
    """Done where there is nothing to do, or only a look was wanted."""
    if dry_run or all(each.change == "unchanged" for each in plan.clusters):
        return ExitCode.DONE
    click.echo("Nothing was changed.", err=True)
    return ExitCode.FAILED


def _is_wanted(plan: DeployAnswer, *, yes: bool) -> bool:
    """Whether to go on. What there is already is not changed without being asked."""
    if all(each.change == "unchanged" for each in plan.clusters):
        return False
    if yes or all(each.change in {"created", "unchanged"} for each in plan.clusters):
        return True
    for each in plan.clusters:
        for line in _lines(each, dry_run=True):
            click.echo(printable(line), err=True)
    return _is_sure("Change it?")


def _is_sure(question: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("something would be changed, and nobody can be asked: say --yes")
    return click.confirm(question, err=True)


def show_deployed(
    document: dict[str, Any], answer: DeployAnswer | ConfiguredAnswer, *, manners: Manners
) -> None:
    """A line a cluster, and what changed below it. No table: a path is not cut, and can be searched for."""
    if manners.output is not Format.TABLE:
        emit(document, tuple, manners=manners)
        return
    for each in answer.clusters:
        for line in _lines(each, dry_run=answer.dry_run):
            click.echo(printable(line))
        for note in each.notes:
            click.echo(printable(f"{each.cluster}: note: {note}"), err=True)


def _lines(told: DeployedView, *, dry_run: bool) -> tuple[str, ...]:
    would = "would be " if dry_run and told.change != "unchanged" else ""
    return (f"{told.cluster}: {would}{told.change}", *(f"  {line}" for line in told.differences))


def _read(file: Path) -> str:
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}; check the path") from error
    if len(raw) > LARGEST:
        raise ConfigurationError(f"{file}: larger than {LARGEST // 1024} KiB; this is no manifest")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{file}:{line}: is not UTF-8 text from here on; save it as UTF-8"
        ) from error
