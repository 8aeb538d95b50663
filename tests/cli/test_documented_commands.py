"""Every command line of ours in the documentation exists, with the options that it is given there."""

import re
from pathlib import Path

import pytest

from rlm_exporter.haproxy.config import render_config
from rlm_exporter.manifest.load import parse_manifests
from tests.rules.test_runbook import unknown

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def printed(text: str) -> list[str]:
    """Lines of code that begin with our program, without what a shell makes of their ends."""
    lines = re.findall(r"^(?: {4,}|)(rlm-ha [^\n]*)$", text, re.MULTILINE)
    return [re.split(r"\s+[#|>&]|\s{2,}#", line)[0].strip() for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_to_be_typed_can_be(page: Path) -> None:
    lines = printed(page.read_text(encoding="utf-8"))
    assert [(line, word) for line in lines if (word := unknown(line))] == []


def test_the_first_hour_is_all_commands_that_were_looked_at() -> None:
    text = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")
    assert len(printed(text)) > 12


def test_the_first_hours_cluster_is_one() -> None:
    """Nothing is wrong with it, and a balancer can be rendered of it as it is."""
    text = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (cluster,) = parse_manifests(block, "cluster.yaml").clusters
    assert (cluster.name, cluster.failover.automatic) == ("site", False)
    assert cluster.load_balancer is not None
    assert "backend rlm_isv_siemens" in render_config(cluster, cluster.load_balancer.haproxy[0])
