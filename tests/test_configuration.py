"""What is deployed is clusters and nothing else; the rest is answered with what to do instead."""

from datetime import UTC, datetime

import pytest

from rlm_exporter.configuration import plan_of
from rlm_exporter.errors import ManifestError
from tests.manifest.dashboards import DASHBOARD
from tests.manifest.manifests import SHORT

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SETTINGS = "apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {}\n"


@pytest.mark.parametrize(
    ("other", "what_to_do"),
    [
        pytest.param(DASHBOARD, "`rlm-ha render dashboard` makes of it what Grafana imports", id="dashboard"),
        pytest.param(SETTINGS, "they stand in the file that it is started with", id="settings"),
    ],
)
def test_what_is_no_cluster_is_not_deployed(other: str, what_to_do: str) -> None:
    with pytest.raises(ManifestError) as refused:
        plan_of(("site.yaml", f"{SHORT}---\n{other}"), files=(), deployed=(), now=NOW, by="ada")

    [problem] = refused.value.problems
    assert problem.startswith("site.yaml: kind: ")
    assert what_to_do in problem


def test_a_cluster_is_planned() -> None:
    plan = plan_of(("site.yaml", SHORT), files=(), deployed=(), now=NOW, by="ada")

    assert list(plan.clusters) == ["nuke"]
