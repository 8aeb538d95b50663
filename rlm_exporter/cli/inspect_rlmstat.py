"""`rlm-ha inspect rlmstat FILE…`: what is understood of the text that rlmutil prints."""

from pathlib import Path

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.inspect_input import FILES, read_input
from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.rlmstat_sheet import Answer, document, sheet
from rlm_exporter.rlm.rlmstat import parse_rlmstat


@click.command("rlmstat")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILES)
def rlmstat_command(files: tuple[Path, ...]) -> int:
    """Show what is understood of rlmutil's answers: servers, ISV servers, pools, who holds what.

    A FILE holds what `rlmutil rlmstat -a -c PORT@HOST` has printed for one server; `-` is stdin. Exit code 1
    when one of them is no whole answer: a server that was not reached, other text, nothing, or text cut off.

    \b
    Examples:
      rlmutil rlmstat -a -c 5053@rlm1 | rlm-ha inspect rlmstat -
    """
    answers = [_read(path) for path in files]
    emit(document(answers), lambda: sheet(answers), manners=current_manners())
    whole = all(answer.status.error_kind is None for answer in answers)
    return ExitCode.DONE if whole else ExitCode.FAILED


def _read(path: Path) -> Answer:
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder; name the files in it")
    source = read_input(path)
    return Answer(name=source.name, status=parse_rlmstat(source.data))
