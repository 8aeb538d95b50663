"""What docs/failover.md tells people to write, and where it sends them."""

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.manifest.load import MANIFEST_SCHEMA
from rlm_exporter.manifest.model import ExecCall, Hook
from rlm_exporter.manifest.parse import examine
from tests.examples.hooks import EVENT, HOOKS, run_hook

pytestmark = pytest.mark.row(35)

PAGE = Path(__file__).parents[2] / "docs" / "failover.md"
SECTION = PAGE.read_text(encoding="utf-8").split("\n## Hooks and fences\n")[1].split("\n## ")[0]
MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {name: rlm-ha}
spec:
  type: rlm
  highAvailability:
    mode: active-passive
    primary: {host: rlm1.example.com}
    secondary: {host: rlm2.example.com}
  monitoring:
"""


def documented() -> tuple[Hook, Hook]:
    """The fence and the hook for DNS of the page's manifest."""
    lines = [line for line in SECTION.splitlines() if line.startswith("    ")]
    text = MANIFEST + textwrap.indent(textwrap.dedent("\n".join(lines)), "    ") + "\n"
    found = examine([("page.yaml", text.encode())], schema=MANIFEST_SCHEMA, timezones=frozenset)
    assert found.problems == ()
    assert found.loaded is not None
    [cluster] = found.loaded.clusters
    assert cluster.failover.fence is not None
    return cluster.failover.fence, cluster.failover.after[0]


@pytest.mark.parametrize("which", [0, 1], ids=["fence-systemctl", "nsupdate"])
def test_the_hooks_take_the_arguments_that_the_page_gives_them(which: int, tmp_path: Path) -> None:
    call = documented()[which].call
    assert isinstance(call, ExecCall)
    path, *arguments = call.command
    done = run_hook(Path(path).name, *arguments, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_links_to_the_hooks_that_are_shipped() -> None:
    linked = set(re.findall(r"\(\.\./examples/hooks/([a-z-]+)\)", SECTION))
    assert linked == {path.name for path in HOOKS.iterdir()}


def test_the_page_has_every_key_of_the_event() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (?:text|number)", SECTION, flags=re.MULTILINE)
    keys = [key for row in rows for key in re.findall(r"`([a-z_]+)`", row)]
    assert keys == list(EVENT.document())
    assert set(replace(EVENT, source=None, operation=None).document()) == set(keys)
