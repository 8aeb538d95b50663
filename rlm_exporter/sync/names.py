"""Names of license files, and of files beside them (pure).

RLM loads every `*.lic` of its folder (with -dat every `*.dat`) and adds their seats up. So nothing that we
write on the way, or keep, may end so: a forgotten copy would double the pools at the next reread.
"""

import re
from collections.abc import Mapping

from rlm_exporter.errors import SyncError
from rlm_exporter.rlm.license_names import may_be_loaded

Present = Mapping[str, bytes | None]
"""What stands in a folder of license files, by name. None = nobody can read it; only a file of a name that no
master can have is passed over like that."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}\.(?:lic|dat)")


def is_loaded(name: str) -> bool:
    """Whether RLM loads a file of this name."""
    return may_be_loaded(name)


def is_meant_so(name: str) -> bool:
    """The same for a master, whatever the case: one that RLM would pass over is a slip, to be told."""
    return may_be_loaded(name.lower())


def may_be_ours(name: str) -> bool:
    """Whether a master can have this name."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raise SyncError where sftp or RLM would stumble over the name."""
    if not may_be_ours(name):
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
