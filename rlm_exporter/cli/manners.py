"""The options that every command takes, at whatever place of the command line they stand."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import click

AnyCallable = TypeVar("AnyCallable", bound=Callable[..., Any])


class Format(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


@dataclass(slots=True, kw_only=True)
class Manners:
    """How this run of the program talks. Filled while the command line is read; the innermost option wins."""

    output: Format = Format.TABLE
    verbose: bool = False
    profile: str | None = None
    url: str | None = None

    def trace(self, text: str) -> None:
        """Say it on stderr if the user wants to know more."""
        if self.verbose:
            click.echo(text, err=True)


def current_manners() -> Manners:
    """Those of the command that runs now."""
    return click.get_current_context().ensure_object(Manners)


def _set_output(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    manners = ctx.ensure_object(Manners)
    if value is not None:
        manners.output = Format(value)


def _set_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Manners).output = Format.JSON


def _set_verbose(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Manners).verbose = True


def _set_profile(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Manners).profile = value


def _set_url(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Manners).url = value


def _options() -> list[click.Option]:
    return [
        click.Option(
            ["-o", "--format"],
            type=click.Choice([word.value for word in Format]),
            expose_value=False,
            callback=_set_output,
            help="How data is printed (default: table).",
        ),
        click.Option(
            ["-j", "--json"], is_flag=True, expose_value=False, callback=_set_json, help="Same as -o json."
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set_verbose,
            help="Tell more on stderr; tracebacks too.",
        ),
        click.Option(
            ["-p", "--profile"],
            metavar="NAME",
            expose_value=False,
            callback=_set_profile,
            help="The daemon's address and token from profiles.toml.",
        ),
    ]


def teach_manners(command: click.Command) -> None:
    """Give a command the common options, except those whose letters it uses itself.

    One whose long word alone is taken is known by its letter.
    """
    taken = {word for parameter in command.params for word in parameter.opts}
    for option in _options():
        if option.opts[0] not in taken:
            option.opts = [word for word in option.opts if word not in taken]
            command.params.append(option)


def url_option(function: AnyCallable) -> AnyCallable:
    """`--url`, for commands that talk to the daemon."""
    return click.option(
        "--url",
        metavar="URL",
        expose_value=False,
        callback=_set_url,
        help="The daemon's address (default: RLM_HA_URL, the profile, http://127.0.0.1:10053).",
    )(function)
