"""The daemon beside a license server: its license files and its report log show on the page of metrics."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from rlm_exporter.simulator.launch import write_rlmutil
from tests.ports import free_port
from tests.simulated import ScenarioServer, SimulatedClient, ask_rlmutil, wait_until

DENIED = "rlm_license_denied_total"
FOLLOWED = "rlm_report_log_last_read_successful"
FITS = "rlm_license_hostid_fits"
IN_STEP = "rlm_license_files_in_step"
LOOKED = "rlm_license_drift_last_look_successful"
EXPIRY = "rlm_license_expiry_timestamp_seconds"
READ = "rlm_license_files_last_read_successful"

LICENSES = """\
HOST license.example.com any {port}
ISV acme port={isv_port}
LICENSE acme solver 3.0 {expires} 1 sig=1
LICENSE acme solver 3.0
  31-dec-2099 1
  sig=2
LICENSE acme mesher 1.0 permanent 1 sig=3 start=1-jan-2099
"""

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: site}}
spec:
  type: rlm
  highAvailability:
    primary:
      name: rlm1
      host: {host}
      port: {port}
      timezone: Asia/Tokyo
      isvPorts: {{acme: {isv_port}}}
      {files}
  monitoring:
    healthCheck: {{interval: 3s, timeout: 2s, retries: 1, checkWeb: false}}
  features:
    - {{name: solver, vendor: acme}}
    - {{name: mesher, vendor: acme}}
"""


def scenario(**isv: object) -> dict[str, object]:
    """One seat of the solver, and no mesher yet."""
    pools = [{"product": "solver", "version": "3.0", "count": 1, "expires": "31-jan-2030"}]
    return {"style": "15.2", "isvs": [{"name": "acme", "port": free_port(), "pools": pools, **isv}]}


class Site:
    """A license server and a daemon that watches it."""

    def __init__(self, folder: Path, server: ScenarioServer) -> None:
        self.folder = folder
        self.server = server
        self.license_file = folder / "acme.lic"
        self._http = requests.Session()
        self._http.trust_env = False
        self.url = f"http://127.0.0.1:{free_port()}"

    def write_licenses(self, *, expires: str) -> None:
        isv_port = self.server.isv_ports["acme"]
        text = LICENSES.format(port=self.server.port, isv_port=isv_port, expires=expires)
        self.license_file.write_text(text, encoding="ascii")

    @contextmanager
    def daemon(self, files: str) -> Iterator[None]:
        """A daemon whose manifest has these keys for the server, until the end of the block."""
        manifest, rlmutil = self.folder / "site.yaml", self.folder / "rlmutil"
        isv_port = self.server.isv_ports["acme"]
        text = MANIFEST.format(host=self.server.host, port=self.server.port, isv_port=isv_port, files=files)
        manifest.write_text(text, encoding="utf-8")
        write_rlmutil(rlmutil)
        port = self.url.rpartition(":")[2]
        command = [
            *(sys.executable, str(Path(__file__).with_name("watching_daemon.py"))),
            *(str(manifest), port, f"sqlite:///{self.folder / 'journal.db'}", str(rlmutil)),
        ]
        with (self.folder / "daemon.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(lambda: self.get("/-/healthy") is not None, within=60, what="a daemon")
            yield
        finally:
            process.kill()
            process.wait()

    def close(self) -> None:
        self._http.close()

    @property
    def report_log(self) -> Path:
        return self.folder / "acme.rl"

    def refuse(self, product: str, *, count: int = 1, last_attempt: int = 1) -> None:
        """Ask for what is not to be had."""
        with SimulatedClient(self.server.host, self.server.isv_ports["acme"]) as client:
            assert "error" in client.check_out(product, count=count, last_attempt=last_attempt)

    def denials(self) -> dict[tuple[str, str], float]:
        """Those above 0, by feature and reason."""
        families = text_string_to_metric_families(self.get("/metrics") or "")
        samples = [each for family in families for each in family.samples if each.name == DENIED]
        assert all(each.labels["isv"] == "acme" for each in samples)
        return {
            (each.labels["feature"], each.labels["reason"]): each.value for each in samples if each.value > 0
        }

    def wait_denied(self, expected: dict[tuple[str, str], float]) -> None:
        wait_until(lambda: self.denials() == expected, within=30, what=f"denials {expected}")

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(encoding="utf-8")

    def get(self, path: str) -> str | None:
        try:
            answer = self._http.get(self.url + path, timeout=10)
        except requests.RequestException:
            return None
        return answer.text if answer.ok else None

    def values(self, name: str, label: str) -> dict[str, float]:
        """The values of a metric by one of its labels; without it, under the empty text."""
        families = text_string_to_metric_families(self.get("/metrics") or "")
        samples = [each for family in families for each in family.samples if each.name == name]
        return {each.labels.get(label, ""): each.value for each in samples}

    def wait_for(self, name: str, label: str, values: dict[str, float]) -> None:
        what = f"{name} by {label} = {values}"
        wait_until(lambda: self.values(name, label) == values, within=30, what=what)

    def sync(self) -> None:
        """Bring the masters to the server, as its administrator does."""
        command = (
            sys.executable,
            "-m",
            "rlm_exporter.cli",
            "sync",
            "licenses",
            str(self.folder / "site.yaml"),
        )
        subprocess.run([*command, "--yes", "--no-reread"], check=True, capture_output=True, timeout=60)

    def told_of_files(self) -> Any:
        answer = self.get("/api/v1/clusters/site")
        return None if answer is None else json.loads(answer)["servers"][0]["license_files"]["detail"]

    def degraded(self) -> Any:
        answer = self.get("/api/v1/clusters/site")
        return None if answer is None else json.loads(answer)["servers"][0]["license"]["degraded"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    log = {"path": str(tmp_path / "acme.rl"), "format": "detailed", "append": True}
    with ScenarioServer(tmp_path, scenario(report_log=log)) as server:
        made = Site(tmp_path, server)
        yield made
        made.close()


def end_of_day(year: int, month: int, day: int) -> float:
    """The end of that day in Tokyo, nine hours before UTC's."""
    return datetime(year, month, day, 15, tzinfo=UTC).timestamp()


FAR = MappingProxyType({"": end_of_day(2030, 1, 31), "acme.lic:4": end_of_day(2099, 12, 31)})


@pytest.mark.row(13)
@pytest.mark.row(7)
def test_a_license_file_that_is_edited_changes_the_expiry(site: Site) -> None:
    site.write_licenses(expires="31-jan-2030")
    with site.daemon(f"licenseFiles: [{site.folder}]"):
        site.wait_for(EXPIRY, "license", {**FAR, "acme.lic:3": end_of_day(2030, 1, 31)})
        assert site.values(READ, "server") == {"rlm1": 1}
        # The mesher's license starts later, so that it has no pool is no trouble.
        site.wait_for("rlm_server_up", "server", {"rlm1": 1})
        assert site.degraded() is None

        site.write_licenses(expires="15-mar-2031")
        site.wait_for(EXPIRY, "license", {**FAR, "acme.lic:3": end_of_day(2031, 3, 15)})

        site.license_file.unlink()
        site.wait_for(EXPIRY, "license", {"": FAR[""]})
        assert site.values(READ, "server") == {"rlm1": 0}
        wait_until(lambda: site.degraded() == "no usable pool of mesher (acme)", what="a degraded server")
    assert site.log.count("the folder holds no *.lic") == 1


@pytest.mark.row(13)
def test_a_license_file_may_be_fetched_by_a_program(site: Site) -> None:
    site.write_licenses(expires="31-jan-2030")
    with site.daemon(f"licenseFiles: {{exec: [cat, {site.license_file}]}}"):
        fetched = {place.replace("acme.lic", "fetched"): value for place, value in FAR.items()}
        site.wait_for(EXPIRY, "license", {**fetched, "fetched:3": end_of_day(2030, 1, 31)})


@pytest.mark.row(13)
def test_a_file_that_drifts_from_its_master_and_a_host_id_that_fits_no_more_are_seen(site: Site) -> None:
    masters, folder, hostids = (site.folder / name for name in ("masters", "licenses", "hostids"))
    masters.mkdir()
    folder.mkdir()
    hostids.write_text("0050569a1111 ip=127.0.0.1\n", encoding="ascii")
    site.write_licenses(expires="31-jan-2030")
    text = site.license_file.read_text(encoding="ascii").replace(" any ", " 0050569a1111 ")
    (masters / "acme.lic").write_text(text, encoding="ascii")
    sync = f"licenseSync: {{folder: {folder}, rlmhostid: [cat, {hostids}]}}"
    with site.daemon(f"{sync}\n  licenseMasters: {masters}\n  licenseDrift: {{every: 1s}}"):
        site.wait_for(IN_STEP, "server", {"rlm1": 0})
        assert site.told_of_files() == "acme.lic is missing"
        site.sync()
        site.wait_for(IN_STEP, "server", {"rlm1": 1})
        assert (site.values(FITS, "server"), site.told_of_files()) == ({"rlm1": 1}, None)

        brought = folder / "acme.lic"
        brought.write_text(brought.read_text("ascii").replace("31-jan-2030 1", "31-jan-2030 9"), "ascii")
        site.wait_for(IN_STEP, "server", {"rlm1": 0})
        assert "count is 9 in the server; 1 in the master" in str(site.told_of_files())
        site.sync()
        site.wait_for(IN_STEP, "server", {"rlm1": 1})

        hostids.write_text("0050569a2222 ip=127.0.0.1\n", encoding="ascii")
        site.wait_for(FITS, "server", {"rlm1": 0})
        assert "the hostid 0050569a1111 is none of this machine's" in str(site.told_of_files())

        folder.rename(site.folder / "gone")
        site.wait_for(LOOKED, "server", {"rlm1": 0})
        assert (site.values(IN_STEP, "server"), site.values(FITS, "server")) == ({}, {})
    assert "acme.lic is not as its master" in site.log


def test_final_denials_are_counted_from_the_start_of_the_daemon_on_across_a_rotation(site: Site) -> None:
    site.refuse("solver", count=2)
    logs = f"{{isv: acme, path: {site.report_log}}}, {{isv: other, path: {site.folder / 'other.rl'}}}"
    with site.daemon(f"reportLogs: [{logs}]"):
        site.wait_for(FOLLOWED, "isv", {"acme": 1, "other": 0})
        assert site.values(DENIED, "feature") == {"solver": 0, "mesher": 0}

        site.refuse("solver", count=2)
        site.refuse("solver", count=2, last_attempt=0)
        site.refuse("mesher")
        site.wait_denied({("solver", "too_many"): 1, ("mesher", "no_product"): 1})

        later = site.folder / "later.rl"
        site.refuse("mesher")
        ask_rlmutil("rlmswitchr", "acme", str(later), "-c", site.server.endpoint)
        site.refuse("mesher")
        site.wait_denied({("solver", "too_many"): 1, ("mesher", "no_product"): 3})

    assert site.log.count("No such file or directory") == 1
