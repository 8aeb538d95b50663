"""Names of files beside license files (pure).

RLM loads every `*.lic` of its folder (with -dat every `*.dat`) and adds their seats up. So nothing that we
write on the way, or keep, may end so: a forgotten copy would double the pools at the next reread.
"""

import re

from rlm_exporter.errors import SyncError

LOADED = (".lic", ".dat")
"""Endings of files that RLM loads."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}\.(?:lic|dat)")


def is_loaded(name: str) -> bool:
    """Whether RLM loads a file of this name."""
    return name.lower().endswith(LOADED)


def check_name(name: str) -> None:
    """Raise SyncError where sftp or RLM would stumble over the name."""
    if not _NAME.fullmatch(name):
        raise SyncError(
            f"{name!r} cannot be the name of a license file here; use letters, digits, '-', '_', '+' and "
            "'.', and end it with .lic"
        )


def arriving(name: str) -> str:
    """What a file is called while it is being written."""
    return f".{name}.rlm-ha-new"


def former(name: str) -> str:
    """What the file before it is called afterwards."""
    return f".{name}.rlm-ha-before"
