"""A program that mounts another machine's folder where nobody else sees it, and looks at it as our parts do.

Arguments: TARGET PLACE. Says `ready`, then answers each line of its standard input, the name of a part, by a
line of JSON with what it was told and the seconds that took.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from rlm_exporter.doctor.looking import look
from rlm_exporter.errors import BackupError, SyncError
from rlm_exporter.manifest.model import LicensePaths
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.license_files import Bounds, LicenseFileReader
from rlm_exporter.sync.local_folder import LocalFolder
from tests.backup.sites import courier, member

LIMIT = 1.0
START_LIMIT = 20.0


async def doctor(place: Path) -> str:
    """Its limit is its own."""
    seen = await look(str(place), limit=4)
    return seen.error or f"{len(seen.files)} files on {seen.system}"


async def checks(place: Path) -> str:
    """The daemon's reading of license files."""
    reader = LicenseFileReader(
        source=LicensePaths(paths=(str(place),)),
        clock=SystemClock(),
        bounds=Bounds(time=timedelta(seconds=LIMIT)),
    )
    reading = await reader.read()
    return "; ".join(reading.failures) or f"{len(reading.licenses)} licenses"


async def sync(place: Path) -> str:
    """A folder of this machine that is not on this machine."""
    try:
        return f"{len(await LocalFolder(place, limit=timedelta(seconds=LIMIT)).read())} files"
    except SyncError as error:
        return str(error)


async def backup(place: Path) -> str:
    """A backup's look at the machine's files."""
    try:
        said, found = courier(member(place), seconds=LIMIT).ask(["find", "-L", str(place), "-type", "f"])
    except BackupError as error:
        return str(error)
    return f"{len(found.splitlines())} files, {said.status}"


PARTS: dict[str, Callable[[Path], Awaitable[str]]] = {
    "doctor": doctor,
    "checks": checks,
    "sync": sync,
    "backup": backup,
}


def main() -> None:
    """Until the standard input ends."""
    target, place = sys.argv[1], Path(sys.argv[2])
    # Nothing is to be answered out of what was asked before.
    command = ["sshfs", "-f", "-o", "dir_cache=no,attr_timeout=0,entry_timeout=0", target, str(place)]
    mounted = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    until = time.monotonic() + START_LIMIT
    while not os.path.ismount(place):
        if mounted.poll() is not None or time.monotonic() > until:
            sys.exit("sshfs has mounted nothing")
        time.sleep(0.02)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        began = time.monotonic()
        told = asyncio.run(_told(PARTS[line.strip()], place))
        sys.stdout.write(json.dumps({"told": told, "seconds": time.monotonic() - began}) + "\n")
        sys.stdout.flush()


async def _told(part: Callable[[Path], Awaitable[str]], place: Path) -> str:
    return await part(place)


if __name__ == "__main__":
    main()
    # A thread that still hangs there must not hold the end up.
    os._exit(0)
