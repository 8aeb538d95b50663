"""`rlm-ha inspect …`: what we understand of a file. Each format is a command in a module of its own."""

import click

from rlm_exporter.cli.lazy import LazyCommand, LazyGroup

_ROOM = __name__.rpartition(".")[0]


def inspect_group() -> LazyGroup:
    """The group, with a placeholder for each format."""
    return LazyGroup(commands=_commands(), help="Show what is understood of a file; `-` is stdin.")


def _commands() -> dict[str, click.Command]:
    return {
        "rlmstat": LazyCommand(
            f"{_ROOM}.inspect_rlmstat:rlmstat_command", "What `rlmutil rlmstat -a` prints."
        ),
        "license": LazyCommand(
            f"{_ROOM}.inspect_license:license_command", "License files, and their faults."
        ),
        "client-env": LazyCommand(
            f"{_ROOM}.inspect_client_env:client_env_command", "RLM_LICENSE and its like: what they mean."
        ),
        "report-log": LazyCommand(
            f"{_ROOM}.inspect_report_log:report_log_command", "Report logs: sessions, denials, peaks."
        ),
        "webhook": LazyCommand(
            f"{_ROOM}.inspect_webhook:webhook_command", "What Alertmanager posts, and what it asks for."
        ),
    }
