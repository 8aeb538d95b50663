"""An export of license files and the line that mounts it (pure): read only, and better than none at all."""

from dataclasses import dataclass

from rlm_exporter.render.templates import template
from rlm_exporter.rlm.address import bracketed

EXPORTS = "rlm.exports"
FSTAB = "rlm.fstab"
TIMEO = 50
"""Tenths of a second until the first repetition; each further wait is one such span longer."""
RETRANS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A folder of one machine, on several others."""

    server: str
    path: str = "/nfs/rlm/licenses"
    clients: tuple[str, ...]
    """Hosts, addresses or networks."""
    mount: str = "/opt/rlm/shared"


def render_exports(share: Share) -> str:
    """For the NFS server."""
    # Quotes are something to exports alone.
    path = _escaped(share.path).replace('"', "\\042")
    return template("nfs.exports.j2").render(path=path, clients=share.clients)


def render_fstab(share: Share) -> str:
    """For each license server."""
    spans = sum(range(1, RETRANS + 2))
    return template("nfs.fstab.j2").render(
        source=f"{bracketed(share.server)}:{_escaped(share.path)}",
        mount=_escaped(share.mount),
        timeo=TIMEO,
        retrans=RETRANS,
        patience=TIMEO * spans // 10,
    )


def _escaped(path: str) -> str:
    """Both files part their fields by blanks."""
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("#", "\\043")
