"""`rlm-ha inspect license FILE…`: what license files grant, what is wrong with them, where they differ."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.inspect_input import FILES, Input, read_input
from rlm_exporter.cli.license_sheet import Examined, document, sheet
from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.license_compare import Difference, compare
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_findings import find_faults
from rlm_exporter.rlm.license_values import LicenseFile, Severity


def _read_zone(_ctx: click.Context, _parameter: click.Parameter, value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise click.BadParameter(f"{value!r} is no time zone; write it like Europe/Berlin") from error


def _read_date(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: write it like 2027-01-31") from error


@click.command("license")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILES)
@click.option("--as-of", metavar="DATE", callback=_read_date, help="The day to judge by (default: today).")
@click.option(
    "--timezone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    callback=_read_zone,
    help="Where the server stands; it says which day today is.",
)
@click.option(
    "--warn-days", metavar="N", type=click.IntRange(min=0), default=30, show_default=True,
    help="Warn of licenses that end within so many days.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Words that RLM does not know are errors.")
@click.option(
    "--manifest",
    metavar="FILE",
    type=click.Path(exists=True, path_type=Path),
    help="Hold HOST lines against the load balancers of this manifest.",
)
@click.option("--compare", "comparing", is_flag=True, help="Also say where the files differ.")
def license_command(
    files: tuple[Path, ...],
    *,
    as_of: date | None,
    timezone: ZoneInfo,
    warn_days: int,
    strict: bool,
    manifest: Path | None,
    comparing: bool,
) -> int:
    """Show what license files grant, and what is wrong with them.

    A folder stands for its *.lic, `-` for stdin. Signatures are not judged: that takes the vendor's key. Exit
    code 1 when there is an error, or files that were to be compared differ.

    \b
    Examples:
      rlm-ha inspect license siemens.lic
      rlm-ha inspect license --compare rlm1.lic rlm2.lic
    """
    if comparing and len(files) < 2 and not files[0].is_dir():
        raise click.UsageError("--compare needs two files or more")
    balancers = () if manifest is None else _balancers(manifest)
    day = as_of or datetime.now(timezone).date()
    read = [(source, _parse(source)) for source in _inputs(files)]
    examined = [
        Examined(
            name=source.name,
            file=file,
            findings=find_faults(file, as_of=day, warn_days=warn_days, strict=strict, balancers=balancers),
        )
        for source, file in read
    ]
    differences = compare([(each.name, each.file) for each in examined]) if comparing else None
    emit(document(examined, differences), lambda: sheet(examined, differences), manners=current_manners())
    return _code(examined, differences)


def _inputs(paths: Sequence[Path]) -> list[Input]:
    """The files, with the `*.lic` of a folder in place of it, as rlm takes them."""
    found: list[Input] = []
    for path in paths:
        if not path.is_dir():
            found.append(read_input(path))
            continue
        inside = sorted(path.glob("*.lic"))
        if not inside:
            raise click.FileError(str(path), hint="there is no *.lic in this folder")
        found += [read_input(each) for each in inside]
    return found


def _parse(source: Input) -> LicenseFile:
    try:
        return parse_license_file(source.data)
    except FormatError as error:
        raise FormatError(f"{source.name}: {error}") from error


def _balancers(manifest: Path) -> tuple[str, ...]:
    from rlm_exporter.manifest.load import load_manifests  # noqa: PLC0415 - needed with --manifest alone

    clusters = load_manifests((manifest,)).clusters
    hosts = [cluster.load_balancer.host for cluster in clusters if cluster.load_balancer is not None]
    if not hosts:
        click.echo(f"{manifest}: no cluster has a load balancer, so any HOST line will do", err=True)
    return tuple(dict.fromkeys(hosts))


def _code(examined: Sequence[Examined], differences: Sequence[Difference] | None) -> ExitCode:
    errors = any(finding.severity is Severity.ERROR for each in examined for finding in each.findings)
    return ExitCode.FAILED if errors or differences else ExitCode.DONE
