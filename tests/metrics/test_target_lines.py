"""A target's own lines tell of its last probe and when that was; a server gets the lines that name it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from rlm_exporter.metrics.exposition import Exposition
from rlm_exporter.metrics.families import FAMILIES
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.target_lines import Module, only_of, target_lines
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import Health, ServerSnapshot
from tests.metrics import situations
from tests.metrics.situations import NOW

LIMIT = timedelta(seconds=60)
UP = situations.server_up("rlm1", situations.status("15.2-two-isvs"))
DOWN = situations.server_down("rlm1")
CHECKED = 'probe_timestamp_seconds{cluster="prod",server="rlm1"} 1762171199\n'


def lines(part: ServerSnapshot, **changes: object) -> str:
    known: dict[str, object] = {"module": Module.LICENSE, "limit": LIMIT, "now": NOW} | changes
    told = target_lines("prod", "rlm1", part, **known)  # type: ignore[arg-type]  # a builder: tests name them
    return "".join(told.values())


def test_nothing_is_said_before_the_first_probe() -> None:
    nothing = ServerSnapshot(server="rlm1")

    assert [lines(nothing, module=module) for module in Module] == ["", ""]


def test_a_good_check_is_a_success_with_its_duration_and_its_time() -> None:
    assert lines(UP) == (
        'probe_success{cluster="prod",server="rlm1"} 1\n'
        'probe_duration_seconds{cluster="prod",server="rlm1"} 0.042\n' + CHECKED
    )


def test_a_failed_check_is_none_and_took_its_time_too() -> None:
    assert lines(DOWN) == lines(UP).replace("} 1\n", "} 0\n")


def test_a_check_that_could_not_be_made_is_no_success_and_has_no_duration() -> None:
    missing = Failure(reason=FailureReason.TOOL_MISSING, detail="there is no rlmutil")
    part = replace(
        UP, health=Health(failure=missing), license=situations.license_result(None, failure=missing)
    )

    assert lines(part) == 'probe_success{cluster="prod",server="rlm1"} 0\n' + CHECKED


@pytest.mark.parametrize(("module", "age"), [(Module.LICENSE, 1), (Module.WEB, 1.992)])
def test_what_is_too_old_is_no_success_and_only_its_time_is_told(module: Module, age: float) -> None:
    """The license check of `UP` ended a second ago, its web probe 8 ms after it began."""
    limit = NOW - timedelta(seconds=age) + LIMIT
    in_time = lines(UP, module=module, now=limit)
    late = lines(UP, module=module, now=limit + timedelta(microseconds=1))

    assert in_time == lines(UP, module=module)
    assert "probe_success" in late
    assert late == "".join(
        line.replace("} 1\n", "} 0\n") for line in in_time.splitlines(keepends=True) if "duration" not in line
    )


def test_the_web_interface_is_told_of_where_it_is_asked_for() -> None:
    ill = replace(UP, web=situations.web_result(Failure(reason=FailureReason.REFUSED, detail="nobody")))
    ours = replace(UP, web=situations.web_result(Failure(reason=FailureReason.LOCAL, detail="no socket")))

    assert lines(UP, module=Module.WEB).startswith('probe_success{cluster="prod",server="rlm1"} 1\n')
    assert lines(ill, module=Module.WEB).startswith(
        'probe_success{cluster="prod",server="rlm1"} 0\n'
        'probe_duration_seconds{cluster="prod",server="rlm1"} 0.008\n'
    )
    assert "duration" not in lines(ours, module=Module.WEB)


def test_what_is_said_of_a_cluster_names_no_server() -> None:
    told = target_lines("prod", "", UP, module=Module.LICENSE, limit=LIMIT, now=NOW)

    assert told["probe_success"] == 'probe_success{cluster="prod"} 1\n'


def chunks() -> tuple[Mapping[str, str], ...]:
    """All that a cluster has, its counters too."""
    instruments = Instruments(rules=("failed_over",), reapply_reasons=("pins",))
    instruments.watch(situations.cluster())
    situations.count_denials(instruments, situations.cluster())
    [rendered] = Exposition().render((situations.facts(),))
    return (*rendered.parts, *instruments.clusters().values())


def test_each_line_with_a_server_is_exactly_one_servers() -> None:
    every = [line for part in chunks() for text in part.values() for line in text.splitlines()]
    by_server = [
        line
        for server in situations.cluster().servers
        for part in chunks()
        for text in only_of(server.name, part).values()
        for line in text.splitlines()
    ]

    assert sorted(by_server) == sorted(line for line in every if ',server="' in line)
    assert len(by_server) < len(every)


def test_the_label_server_follows_the_cluster_and_no_other_label_ends_like_it() -> None:
    """This is what `only_of` looks for in a line."""
    for family in FAMILIES:
        others = [label for label in family.labels if label.endswith("server")]
        assert others in ([], ["server"])
        assert others == [] or family.labels.index("server") > family.labels.index("cluster")


def test_a_value_that_looks_like_the_label_is_none() -> None:
    text = (
        'x{cluster="a",server="rlm2",license="b\\",server=\\"rlm1\\""} 1\nx{cluster="a",server="rlm10"} 1\n'
    )

    assert only_of("rlm1", {"x": text}) == {}
    assert only_of("rlm10", {"x": text}) == {"x": 'x{cluster="a",server="rlm10"} 1\n'}
