"""`rlm-ha inspect client-env FILE…`: what RLM's clients make of their environment."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from rlm_exporter.cli.client_env_sheet import document, sheet
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.inspect_input import FILES, read_input
from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.rlm.client_env import Setting, is_read, read_client_env
from rlm_exporter.rlm.client_findings import find_client_faults
from rlm_exporter.rlm.env_file import read_env_file
from rlm_exporter.rlm.license_values import Severity


@click.command("client-env")
@click.argument("files", metavar="FILE...", nargs=-1, type=FILES)
@click.option("--env", "from_environment", is_flag=True, help="Read the environment of this command instead.")
def client_env_command(files: tuple[Path, ...], *, from_environment: bool) -> int:
    """Show where RLM's clients ask for licenses, in which order, and what a dead server costs them.

    FILEs hold NAME=VALUE, export NAME="VALUE" and the like, as in /etc/profile.d or a unit of systemd, or
    are /proc/PID/environ; several are read one after the other, `-` is stdin. Exit code 1 when there is an
    error.

    \b
    Examples:
      rlm-ha inspect client-env /proc/self/environ
    """
    if from_environment == bool(files):
        raise click.UsageError("name FILEs, or say --env for the environment of this command")
    settings = tuple(_of_environment(os.environ) if from_environment else _of_files(files))
    env = read_client_env(settings)
    findings = find_client_faults(env)
    emit(document(env, findings), lambda: sheet(env, findings), manners=current_manners())
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    return ExitCode.FAILED if failed else ExitCode.DONE


def _of_files(files: tuple[Path, ...]) -> Iterator[Setting]:
    for path in files:
        if path.is_dir():
            raise click.UsageError(f"{path} is a folder; name the files in it")
        yield from read_env_file(read_input(path).data)


def _of_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    for name, value in sorted(environ.items()):
        if is_read(name):
            yield Setting(name=name, value=value)
