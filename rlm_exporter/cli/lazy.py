"""Command groups that import a command's module only when that command runs.

`--help`, completion and suggestions are answered from the names and one-line helps of the placeholders.
"""

from importlib import import_module

import click

from rlm_exporter.cli.manners import teach_manners
from rlm_exporter.cli.names import teach_names


class LazyCommand(click.Command):
    """Stands for a command until it is needed; `target` is `module:attribute`."""

    def __init__(self, target: str, help: str, *, hidden: bool = False) -> None:  # noqa: A002 - click's word
        super().__init__(name=None, help=help, hidden=hidden)
        self.target = target

    def load(self) -> click.Command:
        """The command itself, with the common options."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is not a click command")
        if not command.context_settings.get("ignore_unknown_options"):
            # One that does takes the rest of the line as it is, for a program with options of its own.
            teach_manners(command)
        teach_names(command)
        return command


class LazyGroup(click.Group):
    """A group of placeholders and of other such groups."""

    def __init__(self, *, commands: dict[str, click.Command], help: str, hidden: bool = False) -> None:  # noqa: A002 - click's word
        super().__init__(commands=commands, help=help, hidden=hidden)
        teach_manners(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are given: the most used first."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the placeholder replaced."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest
