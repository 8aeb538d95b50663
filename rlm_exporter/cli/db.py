"""`rlm-ha db`: the journal's database, past the daemon."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from rlm_exporter.cli.manners import Format, current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable

AnyCallable = TypeVar("AnyCallable", bound=Callable[..., Any])


def database_options(function: AnyCallable) -> AnyCallable:
    """`--config` and `--store`: which database."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Manifests of which the database is taken where --store is not given.",
    )
    store = click.option("--store", help="sqlite:///PATH or postgresql://USER@HOST/DATABASE.")
    return config(store(function))


@click.command("upgrade")
@database_options
def upgrade_command(config: tuple[Path, ...], store: str | None) -> None:
    """Bring the journal's tables to this version; safe to repeat, and from several machines at once.

    \b
    Examples:
      rlm-ha db upgrade --store postgresql://rlm_ha@db.example.com/rlm_ha
    """
    # SQLAlchemy and Alembic take a while to import.
    from rlm_exporter.store.upgrade import upgrade_at  # noqa: PLC0415

    name, before, after = upgrade_at(store_of(store, config))
    had = "no tables" if before is None else f"schema {before}"
    told = f"already schema {after}" if before == after else f"{had}, now schema {after}"
    document = {"database": name, "before": before, "after": after}
    manners = current_manners()
    if manners.output is Format.TABLE:
        # Not drawn: a long address is not to be cut.
        click.echo(printable(f"{name}: {told}"))
    else:
        emit(document, tuple, manners=manners)


def store_of(store: str | None, config: tuple[Path, ...]) -> str:
    """The database's URL, by whoever names it first."""
    from rlm_exporter.manifest.load import load_manifests  # noqa: PLC0415

    named = (
        store or os.environ.get("RLM_HA_STORE") or (load_manifests(config).config.store if config else None)
    )
    if named is None:
        raise click.UsageError(
            "which database? Give --store, RLM_HA_STORE, or --config with manifests that name it"
        )
    return named
