"""Builds the package for RHEL 9 and its like: `python3.11 -m dev.rpm`, or `make rpm`.

What is in it is what dev.staging lays out; packaging/rpm has the rest.
"""

import os
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from dev.staging import ROOT, source_time
from dev.steps import SetupError, run, say

SPEC = ROOT / "packaging" / "rpm" / "rlm-ha-exporter.spec"
PYTHON = Path("/usr/bin/python3.11")


def main() -> int:
    """Build the package into dist/, and say where it is; an exit code."""
    try:
        refuse_where_it_cannot_work()
        with tempfile.TemporaryDirectory(prefix="rlm-ha-rpm-") as work:
            say(str(build(Path(work)).relative_to(ROOT)))
    except (SetupError, OSError) as error:
        print(f"rpm: {error}", file=sys.stderr)
        return 1
    return 0


def refuse_where_it_cannot_work() -> None:
    """Say what is missing."""
    if shutil.which("rpmbuild") is None:
        raise SetupError("There is no rpmbuild on this machine; RHEL has it in rpm-build, Debian in rpm.")
    if not PYTHON.exists():
        raise SetupError(f"There is no {PYTHON}, which the package depends on; RHEL has it in python3.11.")


def build(work: Path) -> Path:
    """Let rpmbuild stage the tree and pack it; where the package is."""
    env = os.environ | {"SOURCE_DATE_EPOCH": str(source_time())}
    run(["rpmbuild", "-bb", *definitions(work), SPEC], env=env)
    [package] = (work / "RPMS").rglob("*.rpm")
    (ROOT / "dist").mkdir(exist_ok=True)
    return Path(shutil.copy2(package, ROOT / "dist"))


def definitions(work: Path) -> list[str]:
    """What the spec leaves open."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    values = {
        "project_version": project["version"],
        "project_root": ROOT,
        "_topdir": work,
        "_buildhost": "localhost",
        "use_source_date_epoch_as_buildtime": 1,
        "clamp_mtime_to_source_date_epoch": 1,
    }
    return [word for name, value in values.items() for word in ("--define", f"{name} {value}")]


if __name__ == "__main__":
    sys.exit(main())
