"""License files on shared storage: links into it, and mounts that do not answer."""

from collections.abc import Iterator

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.looking import Seen
from rlm_exporter.doctor.site import Site

ABOUT = About(name="shared-folders", looks_at="license files on NFS and its like, and mounts that hang")
NETWORKED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "ceph", "glusterfs", "fuse.glusterfs", "9p"}
)


async def examine(site: Site) -> Outcome:
    """Whatever hangs was given up on after some seconds."""
    if not site.folders:
        return Skipped(why="no server's license files lie on this machine (licenseFiles, licenseSync)")
    return tuple(finding for seen in site.folders.values() for finding in _judge(seen))


def _judge(seen: Seen) -> Iterator[Finding]:
    if seen.hangs:
        yield warning(
            seen.path,
            f"{seen.error}: its file server is gone, or the network to it",
            why="rlm hangs at its next reread, at midnight at the latest",
            remedy="bring the file server back, or copy the files to each server (rlm-ha sync licenses)",
        )
    elif seen.error is not None:
        yield error(
            seen.path,
            seen.error,
            why="no license file can be read there",
            remedy="correct the path in the manifest, or its permissions",
        )
    links = [file for file in seen.files if file.target is not None and file.system in NETWORKED]
    for file in links:
        yield warning(
            file.path,
            f"is a link to {file.target} on {file.system}",
            why="one file server is then needed by every license server at once",
            remedy="give each server a file of its own: rlm-ha sync licenses puts one in place of the link",
        )
    if not links and seen.system in NETWORKED:
        yield warning(
            seen.path,
            f"is on {seen.system}",
            why="one file server is then needed by every license server at once",
            remedy="keep license files on each server's own disk: rlm-ha sync licenses",
        )
