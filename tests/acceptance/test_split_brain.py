"""A client that goes around the balancer, to a server that is not the active one."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage
from tests.acceptance.conftest import SetStage
from tests.acceptance.limits import MACHINE
from tests.acceptance.seeing import cluster, licenses, moves, wait_ready
from tests.simulated import SimulatedClient

pytestmark = pytest.mark.xdist_group("faults")

FENCE = """\
import json, sys
event = json.load(sys.stdin)
with open(sys.argv[1], "a", encoding="utf-8") as notes:
    notes.write(json.dumps(event) + "\\n")
"""


def splits(stage: Stage) -> list[dict[str, Any]]:
    found = cluster(stage)["failover"]["split_brain"]
    assert isinstance(found, list)
    return found


def has_been_looked_at(stage: Stage) -> bool:
    seen = cluster(stage)
    checked = seen["servers"][1]["license"]["checked_at"]
    return bool(checked is not None and checked > seen["active_since"])


@pytest.mark.row(3)
@pytest.mark.parametrize("quarantine", [False, True], ids=["raised", "fenced"])
def test_a_checkout_past_the_balancer_is_seen_raised_and_fenced_where_that_is_asked(
    quarantine: bool, set_stage: SetStage, tmp_path: Path
) -> None:
    notes, program = tmp_path / "fenced", tmp_path / "fence.py"
    program.write_text(FENCE, encoding="utf-8")
    fence = {"exec": ["python3", str(program), str(notes)]}
    policy = {"fence": fence, "quarantine": quarantine}
    stage = set_stage(Choices(triggers=("detector",), more_failover=policy))
    stage.start_daemon()
    wait_ready(stage)
    stage.wait(lambda: has_been_looked_at(stage), "a check of rlm2 since the beginning", within=15)
    assert splits(stage) == []

    with SimulatedClient(stage.layout.host("rlm2"), stage.layout.isv_port) as client:
        assert "handle" in client.check_out("STARCCM")
        took = stage.wait(lambda: bool(splits(stage)), "the split", within=20)
        assert took <= 5.5 + MACHINE, "a check of a standby comes each 5 s, or a tenth of that later"
        (split,) = splits(stage)
        assert (split["server"], split["checkouts"]) == ("rlm2", 1)
        assert "STARCCM by alice@ws1" in split["detail"]
        told = 'rlm_ha_split_brain{cluster="rlm-ha-demo",server="rlm2"} 1'
        stage.wait(lambda: told in str(stage.get(f"{stage.layout.daemon_url}/metrics")), told, within=5)
        assert "SPLIT BRAIN" in licenses(stage, "status", "--show-ha").stdout
        if quarantine:
            stage.wait(notes.exists, "the fence", within=10)

    stage.wait(lambda: not splits(stage), "the end of the split", within=15)
    events = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    assert [(each["event"], each["from"], each["to"]) for each in events] == (
        [("quarantine", "rlm2", "rlm1")] if quarantine else []
    )
    held = json.loads(licenses(stage, "events", "--json").stdout)["decisions"]
    assert "split_brain" in {each["rule"] for each in held}
    assert moves(stage) == [], "nobody is moved for it"
