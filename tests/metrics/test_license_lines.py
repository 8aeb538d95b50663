"""Every license of the files has its expiry on the page, the same wherever the exporter runs."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics.exposition import Exposition
from rlm_exporter.metrics.license_lines import license_lines
from rlm_exporter.probe.license_reading import LicenseReading
from rlm_exporter.probe.snapshot import ServerSnapshot
from tests.metrics import situations

pytestmark = pytest.mark.row(13)

EXPIRY = "rlm_license_expiry_timestamp_seconds"


def part(reading: LicenseReading | None) -> ServerSnapshot:
    return ServerSnapshot(server="rlm1", license_files=reading)


def in_zone(zone: str | None) -> Cluster:
    of = situations.cluster()
    first, *others = of.servers
    return replace(of, servers=(replace(first, timezone=zone), *others))


def lines(reading: LicenseReading | None, *, zone: str | None = None) -> dict[str, list[str]]:
    chunks = license_lines(part(reading), in_zone(zone))
    return {name: text.splitlines() for name, text in chunks.items()}


def series(feature: str, place: str, moment: datetime) -> str:
    labels = (
        f'cluster="rlm-ha-cluster",server="rlm1",isv="ACME",feature="{feature}",license="acme.lic:{place}"'
    )
    return f"{EXPIRY}{{{labels}}} {moment.timestamp():.0f}"


ENDS = {
    None: (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)),
    "America/Denver": (datetime(2026, 2, 1, 7, tzinfo=UTC), datetime(2026, 7, 1, 6, tzinfo=UTC)),
    "Asia/Tokyo": (datetime(2026, 1, 31, 15, tzinfo=UTC), datetime(2026, 6, 30, 15, tzinfo=UTC)),
}


@pytest.mark.parametrize("zone", ENDS)
def test_each_dated_license_ends_with_its_last_day_where_the_server_stands(zone: str | None) -> None:
    first, second = ENDS[zone]

    assert lines(situations.reading(), zone=zone)[EXPIRY] == [
        series("solver", "3", first),
        series("solver", "4", second),
    ]


def test_a_license_whose_renewal_is_there_is_told_apart() -> None:
    (told,) = lines(situations.reading(situations.RENEWED))["rlm_license_renewed"]

    assert 'feature="solver",license="acme.lic:3"} 1' in told
    assert "rlm_license_renewed" not in lines(situations.reading())


@pytest.mark.parametrize("zone", ["UTC", "America/Denver", "Pacific/Kiritimati"])
def test_the_exporters_own_time_zone_plays_no_part(zone: str) -> None:
    script = (
        "from tests.metrics import situations, test_license_lines as t\n"
        "print(*t.lines(situations.reading(), zone='Asia/Tokyo')[t.EXPIRY], sep='\\n')"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={"TZ": zone, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert told.splitlines() == lines(situations.reading(), zone="Asia/Tokyo")[EXPIRY]


def test_what_could_not_be_read_has_no_series_and_is_told() -> None:
    found = lines(situations.reading(b"", failures=("/opt/rlm/acme.lic: Permission denied",)))

    assert found == {
        "rlm_license_files_last_read_successful": [
            'rlm_license_files_last_read_successful{cluster="rlm-ha-cluster",server="rlm1"} 0'
        ]
    }


def test_before_the_first_reading_nothing_is_said() -> None:
    assert lines(None) == {}


def test_a_check_does_not_render_the_files_again_and_a_reading_does() -> None:
    exposition = Exposition()
    facts = situations.facts()
    first = facts.snapshot.server("rlm1")

    def files_of(server: ServerSnapshot) -> str:
        [rendered] = exposition.render((situations.with_server(facts, server),))
        [text] = [part[EXPIRY] for part in rendered.parts if "acme.lic" in part.get(EXPIRY, "")]
        return text

    before = files_of(first)
    assert files_of(replace(first, health=replace(first.health, successes=9))) is before
    assert "acme.lic:4" in before
    assert "acme.lic:4" not in files_of(
        replace(first, license_files=situations.reading(situations.LICENSES.partition(b"LICENSE Acme")[0]))
    )
