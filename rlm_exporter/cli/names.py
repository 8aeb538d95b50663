"""Names of clusters and servers, completed in the shell from the daemon: quickly, or not at all."""

import contextlib
import re
import threading
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from rlm_exporter.cli.manners import Manners
from rlm_exporter.errors import RlmExporterError

if TYPE_CHECKING:
    from rlm_exporter.cli.answers import TargetView

# ruff: noqa: PLC0415 - what speaks to the daemon is imported only where a name is completed

PATIENCE = 1.0
"""Seconds until the shell has its answer; somebody waits at the keyboard."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""What a shell takes as it is; an answer must not be able to put more than a word on the reader's line."""

_CLUSTERS = frozenset({"name", "cluster"})
_SERVERS = frozenset({"target", "source", "server"})


class ClusterName(click.types.StringParamType):
    """A word, completed to a cluster's name."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """The clusters of the daemon."""
        return _fitting(incomplete, {target.labels.cluster: None for target in _targets(ctx, by="cluster")})


class ServerName(click.types.StringParamType):
    """A word, completed to the name of a server of the cluster that stands in the line."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """The cluster's servers, with their hosts."""
        cluster = _cluster_of(ctx)
        if cluster is None:
            return []
        targets = _targets(ctx, by="server", cluster=cluster)
        return _fitting(
            incomplete,
            {target.labels.server: target.labels.host for target in targets if target.labels.server},
        )


def teach_names(command: click.Command) -> None:
    """Let the names in a command that asks the daemon be completed."""
    if not any("--url" in parameter.opts or parameter.name == "url" for parameter in command.params):
        return
    for parameter in command.params:
        if type(parameter.type) is not click.types.StringParamType:
            continue
        if parameter.name in _CLUSTERS:
            parameter.type = ClusterName()
        elif parameter.name in _SERVERS:
            parameter.type = ServerName()


def _cluster_of(ctx: click.Context) -> str | None:
    """The cluster that stands in the line so far."""
    named = next((ctx.params[key] for key in _CLUSTERS if ctx.params.get(key)), None)
    if named is not None:
        return str(named)
    # Where the option at the end still lacks its value, click stops before it gives arguments their names.
    takes_name = any(parameter.name == "name" for parameter in ctx.command.params)
    return ctx.args[0] if takes_name and ctx.args else None


def _fitting(incomplete: str, words: dict[str, str | None]) -> list[CompletionItem[str]]:
    return [
        CompletionItem(word, help=help_text)
        for word, help_text in words.items()
        if word.startswith(incomplete) and _NAME.fullmatch(word)
    ]


def _targets(ctx: click.Context, *, by: str, cluster: str | None = None) -> "tuple[TargetView, ...]":
    """What the daemon knows; nothing where it does not answer in time, for whatever reason."""
    given = ctx.ensure_object(Manners)
    # A new one: what `--verbose` would tell belongs on no line that somebody is writing.
    manners = Manners(url=ctx.params.get("url") or given.url, profile=given.profile)
    found: list[TargetView] = []

    def ask() -> None:
        from rlm_exporter.cli.client import connect

        with contextlib.suppress(RlmExporterError):
            found.extend(connect(manners, patience=PATIENCE).targets(by=by, cluster=cluster))

    # The limits of a request are between two bytes and without the name's resolving; this one is of it all.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return () if asking.is_alive() else tuple(found)
