"""The forms in which client settings are printed, under the names that people know them by."""

import click

from rlm_exporter.manifest.model import SettingsFormat

FORMS = {
    "sh": SettingsFormat.SH,
    "ps1": SettingsFormat.POWERSHELL,
    "powershell": SettingsFormat.POWERSHELL,
    "modulefile": SettingsFormat.MODULEFILE,
    "lua": SettingsFormat.LUA,
    "slurm": SettingsFormat.TASK_PROLOG,
    "task-prolog": SettingsFormat.TASK_PROLOG,
}

FORM = click.Choice(list(FORMS))

HELP = "For a shell, PowerShell (ps1), modules in Tcl or in Lua (Lmod), or Slurm's TaskProlog."
