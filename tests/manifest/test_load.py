"""Valid manifests become clusters that say what the text says; whatever cannot be read has one sentence."""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.errors import ManifestError
from rlm_exporter.manifest.load import MANIFEST_SCHEMA, load_manifests, parse_manifests
from rlm_exporter.manifest.model import (
    AlertSettings,
    AlertSink,
    ClientFile,
    ClientSettingsSpec,
    Cluster,
    Detection,
    ExecCall,
    ExporterConfig,
    FailoverPolicy,
    Feature,
    HaproxyEndpoint,
    HealthCheckPolicy,
    Hook,
    HttpCall,
    HttpSink,
    LicenseFetch,
    LicensePaths,
    LicenseSync,
    LoadBalancerSpec,
    LogFormat,
    LogLevel,
    MailSink,
    MailTls,
    PoolsMissing,
    PostedForm,
    Privacy,
    ReportLog,
    Resolvers,
    RlmdownCall,
    Server,
    SettingsFormat,
    TriggerSource,
    UsagePolicy,
)
from rlm_exporter.manifest.parse import examine
from tests.manifest.manifests import PAGE, SECOND, SHORT, cluster, manifest, read

EXAMPLES = Path(__file__).parents[2] / "examples"
BALANCER = """\
  loadBalancer:
    host: rlm-lb.example.com
"""
SETTINGS = """\
---
apiVersion: rlm-ha/v1
kind: ExporterConfig
spec:
"""


def page() -> str:
    """The manifest as the page prints it: from the page itself where the environment says where it is."""
    path = os.environ.get("RLM_HA_PAGE")
    if path is None:
        return PAGE
    found = re.search(r"^```yaml\n(.*?)^```$", Path(path).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found.group(1)


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ManifestError) as refused:
        parse_manifests(text, "nuke.yaml")
    return list(refused.value.problems)


def printed_cluster(*hosts: str) -> Cluster:
    """What the printed manifest means, with its hosts."""
    roles = ("primary", "secondary", "backup")
    return Cluster(
        name="rlm-ha-cluster",
        source="nuke.yaml",
        servers=tuple(
            Server(name=host.split(".")[0], role=role, host=host, port=5053, web_port=5054)
            for role, host in zip(roles, hosts, strict=True)
        ),
        health_check=HealthCheckPolicy(
            interval=timedelta(seconds=30), timeout=timedelta(seconds=10), retries=3, check_web=True
        ),
        failover=FailoverPolicy(automatic=True, threshold=2, cooldown=timedelta(seconds=300)),
        features=(
            Feature(name="STARCCM", isv="siemens"),
            Feature(name="NXCAE", isv="siemens"),
            Feature(name="LSDYNA", isv="lstc"),
        ),
    )


@pytest.mark.row(1)
@pytest.mark.row(4)
@pytest.mark.row(5)
@pytest.mark.row(6)
def test_the_printed_manifest_is_valid_and_means_what_it_says() -> None:
    loaded = read(page())

    expected = printed_cluster("rlm1.vantage.com", "rlm2.vantage.com", "rlm3.vantage.com")
    assert loaded.clusters == (expected,)
    assert loaded.config == ExporterConfig()


@pytest.mark.row(1)
def test_the_example_has_the_same_fields() -> None:
    [found] = parse_manifests((EXAMPLES / "rlm-ha-cluster.yaml").read_bytes(), "nuke.yaml").clusters

    assert found == printed_cluster("rlm1.example.com", "rlm2.example.com", "rlm3.example.com")


def test_the_example_with_haproxy_has_a_balancer_and_one_port_for_each_isv() -> None:
    [found] = load_manifests([EXAMPLES / "rlm-ha-cluster-haproxy.yaml"]).clusters

    assert found.isv_ports == (("lstc", 5056), ("siemens", 5055))
    assert {server.isv_ports for server in found.servers} == {found.isv_ports}
    assert found.failover.detection is Detection.FAST
    assert found.load_balancer is not None
    assert [haproxy.name for haproxy in found.load_balancer.haproxy] == ["lb1", "lb2"]
    assert found.load_balancer.haproxy[1].client_cert == "/etc/rlm-ha/steer.pem"


def test_what_is_not_written_has_the_defaults_of_the_model() -> None:
    assert cluster() == Cluster(
        name="nuke",
        source="nuke.yaml",
        servers=(Server(name="rlm1", role="primary", host="rlm1.example.com"),),
    )


@pytest.mark.row(4)
def test_servers_stand_in_the_order_of_preference_however_they_are_written() -> None:
    found = cluster(
        """\
    additional:
      - host: rlm4.example.com
      - {host: "[2001:db8::5]", name: rlm5}
    tertiary:
      host: rlm3.example.com
""",
        SECOND,
    )

    assert [(server.name, server.role) for server in found.servers] == [
        ("rlm1", "primary"),
        ("rlm2", "secondary"),
        ("rlm3", "backup"),
        ("rlm4", "additional"),
        ("rlm5", "additional"),
    ]


@pytest.mark.row(4)
@pytest.mark.parametrize("written", ['"[2001:db8::2]"', "2001:db8::2", "'2001:db8::2'"])
def test_an_ipv6_host_is_kept_without_brackets_and_found_in_every_spelling(written: str) -> None:
    found = cluster(f"    secondary:\n      name: rlm2\n      host: {written}\n")

    assert found.servers[1].host == "2001:db8::2"
    for word in ("rlm2", "2001:db8::2", "[2001:db8::2]", "[2001:db8::2]:5053"):
        assert found.find(word) is found.servers[1]
    assert found.find("2001:db8::2:5053") is None


def test_every_server_field_is_read() -> None:
    found = cluster("""\
      name: first
      port: 6053
      webPort: 6054
      site: north
      timezone: UTC
      isvPorts: {sidefx: 6056, foundry: 6055}
""")

    assert found.servers == (
        Server(
            name="first",
            role="primary",
            host="rlm1.example.com",
            port=6053,
            web_port=6054,
            site="north",
            timezone="UTC",
            isv_ports=(("foundry", 6055), ("sidefx", 6056)),
        ),
    )


@pytest.mark.row(5)
def test_every_health_check_field_is_read() -> None:
    found = cluster("""\
  monitoring:
    healthCheck:
      interval: 1m30s
      timeout: 2500ms
      retries: 1
      checkWeb: true
      webRequired: true
      webTls: false
""")

    assert found.health_check == HealthCheckPolicy(
        interval=timedelta(seconds=90),
        timeout=timedelta(seconds=2.5),
        retries=1,
        check_web=True,
        web_required=True,
        web_tls=False,
    )


@pytest.mark.row(6)
def test_every_failover_field_is_read() -> None:
    found = cluster("""\
  monitoring:
    failover:
      automatic: false
      threshold: 5
      cooldown: 0s
      detection: slow
      triggers: [alerts]
      poolsMissing: move
      fence: {exec: [/usr/local/sbin/fence, --hard, 007, on], timeout: 30s, retries: 2}
      hooks:
        before:
          - url: https://hooks.example.com/before?cluster=nuke
            required: false
        after:
          - exec: [/usr/local/sbin/after]
""")

    fence = ExecCall(command=("/usr/local/sbin/fence", "--hard", "007", "on"))
    before = HttpCall(url="https://hooks.example.com/before?cluster=nuke")
    assert found.failover == FailoverPolicy(
        automatic=False,
        threshold=5,
        cooldown=timedelta(0),
        detection=Detection.SLOW,
        triggers=frozenset({TriggerSource.ALERTS}),
        pools_missing=PoolsMissing.MOVE,
        fence=Hook(call=fence, timeout=timedelta(seconds=30), retries=2),
        before=(Hook(call=before, required=False),),
        after=(Hook(call=ExecCall(command=("/usr/local/sbin/after",)), required=False),),
    )


@pytest.mark.row(25)
def test_what_clients_are_told_is_read_with_its_hooks() -> None:
    found = cluster("""\
  clientSettings:
    files:
      - path: /srv/rlm.sh
      - {path: /srv/rlm.lua, format: lua}
    hooks:
      - {exec: [/usr/local/sbin/push], timeout: 30s, retries: 2}
    connectTimeout: 10s
""")

    push = ExecCall(command=("/usr/local/sbin/push",))
    assert found.client_settings == ClientSettingsSpec(
        files=(
            ClientFile(path="/srv/rlm.sh"),
            ClientFile(path="/srv/rlm.lua", format=SettingsFormat.LUA),
        ),
        hooks=(Hook(call=push, timeout=timedelta(seconds=30), retries=2, required=False),),
        connect_timeout=timedelta(seconds=10),
    )


@pytest.mark.row(11)
def test_a_fence_by_rlm_itself_is_best_effort() -> None:
    found = cluster("""\
  monitoring:
    failover:
      fence: {rlmdown: true}
""")

    assert found.failover.fence == Hook(call=RlmdownCall(), required=False)


@pytest.mark.row(7)
def test_several_vendors_are_several_isv_servers() -> None:
    [found] = read(page()).clusters

    assert found.wanted_isvs == ("lstc", "siemens")


@pytest.mark.row(1)
def test_words_that_other_yaml_readers_turn_into_something_else_stay_text() -> None:
    found = cluster("""\
      name: on
      site: 22:22
  features:
    - {name: 2023.1000, vendor: 0x1F}
    - {name: 1e3, vendor: no}
    - {name: 007, vendor: 2024-01-31}
    - {name: null_, vendor: "true"}
""")

    assert (found.servers[0].name, found.servers[0].site) == ("on", "22:22")
    assert [(feature.name, feature.isv) for feature in found.features] == [
        ("2023.1000", "0x1F"),
        ("1e3", "no"),
        ("007", "2024-01-31"),
        ("null_", "true"),
    ]


def test_a_fast_preset_fixes_the_attempts_so_retries_are_not_judged() -> None:
    times = "  monitoring:\n    healthCheck: {interval: 30s, timeout: 10s, retries: 4}\n"
    fast = times + "    failover: {detection: fast}\n"

    assert cluster(fast).health_check.retries == 4
    assert "retries: a check of 4 attempts" in problems(manifest(times))[0]


def test_anchors_and_merged_keys_are_read_and_own_keys_win() -> None:
    found = cluster("""\
      <<: &common {port: 6053, site: north, webPort: 6054}
    secondary:
      host: rlm2.example.com
      site: south
      <<: *common
    backup:
      <<: [{site: west, host: rlm3.example.com}, *common]
""")

    assert [(server.host, server.port, server.site) for server in found.servers] == [
        ("rlm1.example.com", 6053, "north"),
        ("rlm2.example.com", 6053, "south"),
        ("rlm3.example.com", 6053, "west"),
    ]


def test_a_load_balancer_is_read_with_every_field() -> None:
    found = cluster(
        """\
      isvPorts: {Foundry: 5055}
  features:
    - {name: nuke_i, vendor: foundry}
""",
        BALANCER,
        """\
    port: 6053
    webPort: 6054
    webFollows: true
    resolvers: [192.0.2.53, "192.0.2.54:5353", "2001:db8::53", "[2001:db8::54]:5353"]
    haproxy:
      - name: lb1
        url: unix:/run/haproxy/steer.sock
        backend: licenses
        isvBackends: {FOUNDRY: foundry_seats}
        webBackend: web
      - name: lb2
        url: https://[2001:db8::1]:8404/haproxy/stats
        clientCert: /etc/rlm-ha/steer.pem
        caCert: /etc/rlm-ha/ca.pem
""",
    )

    assert found.load_balancer == LoadBalancerSpec(
        host="rlm-lb.example.com",
        port=6053,
        web_port=6054,
        web_follows=True,
        resolvers=Resolvers(
            addresses=("192.0.2.53:53", "192.0.2.54:5353", "[2001:db8::53]:53", "[2001:db8::54]:5353")
        ),
        haproxy=(
            HaproxyEndpoint(
                name="lb1",
                url="unix:/run/haproxy/steer.sock",
                backend="licenses",
                isv_backends=(("foundry", "foundry_seats"),),
                web_backend="web",
            ),
            HaproxyEndpoint(
                name="lb2",
                url="https://[2001:db8::1]:8404/haproxy/stats",
                client_cert="/etc/rlm-ha/steer.pem",
                ca_cert="/etc/rlm-ha/ca.pem",
            ),
        ),
    )
    assert found.isv_ports == (("foundry", 5055),)  # RLM takes both spellings for one ISV


def test_a_balancer_may_ask_the_name_servers_of_its_machine() -> None:
    found = cluster(BALANCER, "    resolvers: system\n")
    assert found.load_balancer is not None
    assert found.load_balancer.resolvers == Resolvers()


def test_settings_are_read_with_every_field() -> None:
    loaded = read(
        SETTINGS
        + """\
  listen: "[::1]:10053"
  stateDir: /var/lib/rlm-ha
  store: sqlite:////var/lib/rlm-ha/journal.sqlite
  rlmutil: /opt/rlm/bin/rlmutil
  logFormat: json
  logLevel: debug
  name: ha1
  advertise: http://ha1.example.com:10053
  usage: {record: false, privacy: hash, keyFile: /etc/rlm-ha/usage.key, keep: 400d}
  metrics: {compatibilityNames: false}
"""
    )

    assert loaded.clusters == ()
    assert loaded.config == ExporterConfig(
        source="nuke.yaml",
        listen="[::1]:10053",
        state_dir="/var/lib/rlm-ha",
        store="sqlite:////var/lib/rlm-ha/journal.sqlite",
        rlmutil="/opt/rlm/bin/rlmutil",
        log_format=LogFormat.JSON,
        log_level=LogLevel.DEBUG,
        name="ha1",
        advertise="http://ha1.example.com:10053",
        usage=UsagePolicy(
            record=False,
            privacy=Privacy.HASH,
            key_file="/etc/rlm-ha/usage.key",
            keep=timedelta(days=400),
        ),
        compatibility_names=False,
    )


def test_sinks_of_alerts_are_read_by_name_with_every_field() -> None:
    loaded = read(
        SETTINGS
        + """\
  alerts:
    repeatInterval: 1h
    sinks:
      page: {webhook: {urlFile: /etc/u, tokenFile: /etc/t}, timeout: 2s}
      am: {alertmanager: {url: "http://127.0.0.1:9093"}}
      mail:
        smtp: {host: m, port: 587, tls: none, from: a@m, to: [b@m], login: {user: a, passwordFile: /etc/p}}
"""
    )

    mail = MailSink(
        host="m",
        port=587,
        tls=MailTls.NONE,
        sender="a@m",
        recipients=("b@m",),
        user="a",
        password_file="/etc/p",
    )
    am = HttpSink(form=PostedForm.ALERTMANAGER, url="http://127.0.0.1:9093", url_file=None, token_file=None)
    page = HttpSink(form=PostedForm.WEBHOOK, url=None, url_file="/etc/u", token_file="/etc/t")
    assert loaded.config.alerts == AlertSettings(
        repeat_interval=timedelta(hours=1),
        sinks=(
            AlertSink(name="am", kind=am),
            AlertSink(name="mail", kind=mail),
            AlertSink(name="page", kind=page, timeout=timedelta(seconds=2)),
        ),
    )


@pytest.mark.row(1)
def test_settings_give_the_printed_manifest_a_load_balancer() -> None:
    attached = "  loadBalancers:\n    rlm-ha-cluster:\n      host: rlm-lb.vantage.com\n"
    loaded = read(page() + SETTINGS + attached)

    balancer = LoadBalancerSpec(host="rlm-lb.vantage.com")
    assert [found.load_balancer for found in loaded.clusters] == [balancer]
    assert loaded.config.load_balancers == (("rlm-ha-cluster", balancer),)


def test_several_documents_are_several_clusters() -> None:
    other = SHORT.replace("nuke", "houdini").replace("rlm1", "rlm9")

    assert [found.name for found in read(f"{SHORT}---\n{other}---\n").clusters] == ["nuke", "houdini"]


def test_files_and_directories_are_read_as_one(tmp_path: Path) -> None:
    directory = tmp_path / "conf.d"
    directory.mkdir()
    (directory / "b.yml").write_text(SHORT.replace("nuke", "b"))
    (directory / "a.yaml").write_text(SHORT.replace("nuke", "a"))
    (directory / ".hidden.yaml").write_text("[")
    (directory / "notes.txt").write_text("[")
    (directory / "sub.yaml").mkdir()
    single = tmp_path / "c.conf"
    single.write_text(SHORT.replace("nuke", "c"))

    loaded = load_manifests([single, directory, directory / "a.yaml"])

    assert [found.name for found in loaded.clusters] == ["c", "a", "b"]
    assert loaded.clusters[1].source == str(directory / "a.yaml")


def test_names_must_differ_across_files(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(SHORT)

    with pytest.raises(ManifestError) as refused:
        load_manifests([tmp_path])

    [problem] = refused.value.problems
    assert problem == (
        f"{tmp_path}/b.yaml:4: metadata.name: nuke is also the cluster in {tmp_path}/a.yaml:4; "
        "give each a name of its own"
    )


def test_problems_of_all_files_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SHORT.replace("rlm\n", "flexlm\n"))
    (tmp_path / "b.yaml").write_text("- [\n")
    missing = tmp_path / "missing.yaml"

    with pytest.raises(ManifestError) as refused:
        load_manifests([tmp_path, missing])

    places = [problem.split(": ")[0] for problem in refused.value.problems]
    assert places == [str(missing), f"{tmp_path}/a.yaml:6", f"{tmp_path}/b.yaml:2"]


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for path, why in (
        (tmp_path / "missing.yaml", "No such file or directory"),
        (tmp_path / "loop.yaml", "Too many levels of symbolic links"),
        (tmp_path / "missing.yaml" / "below", "No such file or directory"),
        (tmp_path / "a\0b", "embedded null byte"),
    ):
        with pytest.raises(ManifestError) as refused:
            load_manifests([path])
        assert refused.value.problems == (
            f"{path}: cannot be read: {why}; check the path and its permissions",
        )


def test_a_directory_without_manifests_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"holds no \*\.yaml or \*\.yml"):
        load_manifests([tmp_path])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "nuke.yaml: is empty; write a document of kind LicenseServer into it"),
        (b"\n# nothing\n---\n...\n", "nuke.yaml: is empty; write a document of kind LicenseServer into it"),
        (b"a: \xff\n", "nuke.yaml:1: is not UTF-8 text from here on; save the file as UTF-8"),
        (SHORT.encode("utf-16"), "nuke.yaml:1: is not UTF-8 text from here on; save the file as UTF-8"),
        (b"\x7fELF\0\0", "nuke.yaml:1: holds a control character; this is no text file, or a damaged one"),
        (b"a" * (1024 * 1024 + 1), "nuke.yaml: is larger than 1024 KiB; this is no manifest"),
    ],
)
def test_what_is_no_manifest_at_all_is_one_problem(raw: bytes, expected: str) -> None:
    assert problems(raw) == [expected]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    raw = b"\xef\xbb\xbf" + page().replace("\n", "\r\n").encode()

    assert parse_manifests(raw, "nuke.yaml") == read(page())
    assert problems(raw.replace(b"type: rlm", b"type: lmx"))[0].startswith("nuke.yaml:7: spec.type: ")


def test_a_machine_without_time_zones_says_what_to_install() -> None:
    text = manifest("      timezone: Europe/Berlin\n")
    [problem] = examine([("f", text)], schema=MANIFEST_SCHEMA, timezones=frozenset).problems

    assert problem.text == "cannot be checked, this machine has no time zone database; install tzdata"


def test_nobody_is_told_more_than_a_hundred_problems() -> None:
    text = SHORT + "".join(f"key{number}: 1\n" for number in range(5000))
    many = "---\n".join([text] * 3)

    told = problems(many)

    assert len(told) == 101
    assert told[-1].startswith("nuke.yaml: and ")


FILES = """\
      licenseFiles: [/opt/rlm/licenses, /opt/rlm/more/nuke.lic]
      licenseSync: {folder: /opt/rlm/licenses}
      reportLogs:
        - {isv: Foundry, path: /var/log/rlm/foundry.rl}
    secondary:
      host: rlm2.example.com
      licenseFiles: {exec: [ssh, rlm2, cat license.lic]}
      licenseSync:
        folder: /opt/rlm/licenses
        sftp: rlm@rlm2.example.com
        rlmhostid: [ssh, rlm2, rlmutil rlmhostid]
        timeout: 1m
    backup:
      host: rlm3.example.com
      licenseFiles:
        exec: [/usr/local/bin/fetch, rlm3]
        timeout: 30s
  licenseMasters: /etc/rlm-ha/licenses
  licenseDrift: {every: 1h}
  features:
    - {name: nuke_i, vendor: foundry}
"""


@pytest.mark.row(13)
def test_license_files_are_brought_to_a_folder_here_or_by_sftp() -> None:
    found = cluster(FILES)

    assert (found.license_masters, found.license_drift) == ("/etc/rlm-ha/licenses", timedelta(hours=1))
    assert [server.license_sync for server in found.servers] == [
        LicenseSync(folder="/opt/rlm/licenses", timeout=timedelta(seconds=30)),
        LicenseSync(
            folder="/opt/rlm/licenses",
            sftp="rlm@rlm2.example.com",
            rlmhostid=("ssh", "rlm2", "rlmutil rlmhostid"),
            timeout=timedelta(minutes=1),
        ),
        None,
    ]


@pytest.mark.row(13)
@pytest.mark.parametrize(
    ("told", "every"),
    [("{}", timedelta(minutes=15)), ("{watch: true}", timedelta(minutes=15)), ("{watch: false}", None)],
)
def test_license_files_are_looked_after_unless_that_is_turned_off(told: str, every: timedelta | None) -> None:
    text = FILES.replace("licenseDrift: {every: 1h}", f"licenseDrift: {told}")

    assert cluster(text).license_drift == every


@pytest.mark.row(13)
def test_license_files_are_paths_or_what_a_program_writes() -> None:
    files = [server.license_files for server in cluster(FILES).servers]

    assert files == [
        LicensePaths(paths=("/opt/rlm/licenses", "/opt/rlm/more/nuke.lic")),
        LicenseFetch(command=("ssh", "rlm2", "cat license.lic"), timeout=timedelta(seconds=10)),
        LicenseFetch(command=("/usr/local/bin/fetch", "rlm3"), timeout=timedelta(seconds=30)),
    ]
    assert cluster().servers[0].license_files is None


def test_the_isv_of_a_report_log_is_spelled_as_the_features_have_it() -> None:
    first, second, _ = cluster(FILES).servers

    assert first.report_logs == (ReportLog(isv="foundry", path="/var/log/rlm/foundry.rl"),)
    assert second.report_logs == ()


def test_a_name_of_rlms_is_spelled_as_the_manifest_has_it_where_it_has_it() -> None:
    found = cluster(FILES)

    assert found.isv_name("FOUNDRY") == "foundry"
    assert found.isv_name("Siemens") == "Siemens"
