from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.errors import ManifestError
from rlm_exporter.haproxy.config import Peer, RenderOptions, balancer_names, isv_backend, render_config
from rlm_exporter.manifest.model import (
    Cluster,
    Detection,
    FailoverPolicy,
    Feature,
    HaproxyEndpoint,
    HealthCheckPolicy,
    LoadBalancerSpec,
    Server,
)
from tests.haproxy.lab import STEER_CA, STEER_CERTIFICATE, complaints

DATA = Path(__file__).parent.parent / "data" / "haproxy"
LOCAL = HaproxyEndpoint(name="lb1", url="unix:/run/haproxy/rlm-steer.sock")
REMOTE = HaproxyEndpoint(
    name="lb2",
    url="https://lb2.example.com:8404/stats",
    client_cert="/etc/rlm-ha/steer.pem",
    ca_cert="/etc/rlm-ha/ca.pem",
    isv_backends=(("lstc", "dyna"),),
)
ISV_PORTS = (("lstc", 49153), ("siemens", 49152))
THEIRS = """\
global
    log 127.0.0.1:514 local0
    localpeer {local_peer}
defaults
    log global
    mode http
    option httplog
    option forwardfor
    timeout connect 7s
    timeout client 13s
    timeout server 17s
    default-server inter 9s check ssl verify none
frontend shop
    bind 127.0.0.1:8180
    default_backend shop_servers
backend shop_servers
    server s1 192.0.2.80:443
"""
"""Settings that would be wrong for licenses, in a file that serves other things."""
PEERS = (Peer(name="lb1", address="192.0.2.10:10055"), Peer(name="lb2", address="192.0.2.11:10055"))


def cluster(
    *endpoints: HaproxyEndpoint,
    hosts: tuple[str, ...] = ("192.0.2.1", "192.0.2.2", "192.0.2.3"),
    detection: Detection = Detection.NORMAL,
    isv_ports: tuple[tuple[tuple[str, int], ...], ...] = (ISV_PORTS,) * 3,
    web_port: int | None = None,
    web_tls: bool = True,
    web_follows: bool = False,
) -> Cluster:
    return Cluster(
        name="rlm-ha-cluster",
        source="rlm-ha-cluster.yaml",
        servers=tuple(
            Server(name=f"rlm{number}", role=role, host=host, isv_ports=ports)
            for number, role, host, ports in zip(
                (1, 2, 3), ("primary", "secondary", "backup"), hosts, isv_ports, strict=True
            )
        ),
        health_check=HealthCheckPolicy(web_tls=web_tls),
        failover=FailoverPolicy(detection=detection),
        features=(Feature(name="STARCCM", isv="siemens"),),
        load_balancer=LoadBalancerSpec(
            host="rlm-lb.example.com", web_port=web_port, web_follows=web_follows, haproxy=endpoints
        ),
    )


def check_timing(text: str) -> str:
    (line,) = [each.strip() for each in text.splitlines() if "default-server" in each]
    return line


def is_golden(name: str, text: str) -> bool:
    """Whether the file of that name says the same; the file is for reading, so a difference is shown."""
    golden = (DATA / name).read_text(encoding="utf-8")
    assert text == golden
    return True


@pytest.mark.row(19)
def test_a_balancer_beside_us_is_rendered_whole() -> None:
    made = cluster(LOCAL, web_port=5054)
    options = RenderOptions(socket_group="rlm-ha", syslog=("/dev/log",))
    assert is_golden("local.cfg", render_config(made, LOCAL, options))


@pytest.mark.row(23)
def test_a_balancer_elsewhere_is_rendered_whole_with_tls_peers_and_ipv6() -> None:
    hosts = ("2001:db8::1", "2001:db8::2", "2001:db8::3")
    made = cluster(LOCAL, REMOTE, hosts=hosts, detection=Detection.FAST)
    assert is_golden("remote.cfg", render_config(made, REMOTE, RenderOptions(bind="::", peers=PEERS)))


def test_a_snippet_for_a_lone_balancer_is_rendered_whole() -> None:
    made = cluster(LOCAL, web_port=5054)
    assert is_golden("snippet.cfg", render_config(made, LOCAL, RenderOptions(snippet=True)))


def test_a_snippet_with_peers_says_what_the_other_file_has_to_say() -> None:
    endpoint = replace(REMOTE, hard_stop_after=timedelta(hours=1))
    options = RenderOptions(snippet=True, peers=PEERS, syslog=("192.0.2.5:514",))
    made = cluster(LOCAL, endpoint, web_port=5054, web_follows=True)
    assert is_golden("snippet-peers.cfg", render_config(made, endpoint, options))


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        (Detection.FAST, "inter 2s fastinter 1s downinter 2s fall 2 rise 3"),
        (Detection.NORMAL, "inter 5s fastinter 2s downinter 5s fall 3 rise 2"),
        (Detection.SLOW, "inter 10s fastinter 10s downinter 10s fall 3 rise 2"),
    ],
)
def test_the_preset_of_detection_changes_the_checks_and_nothing_else(
    detection: Detection, expected: str
) -> None:
    text = render_config(cluster(LOCAL, detection=detection), LOCAL)
    normal = render_config(cluster(LOCAL), LOCAL)
    assert check_timing(text) == (
        f"default-server {expected} on-marked-down shutdown-sessions init-addr libc,last,none"
    )
    assert text.replace(check_timing(text), "") == normal.replace(check_timing(normal), "")


@pytest.mark.row(19)
@pytest.mark.parametrize("syslog", [(), ("/dev/log",), ("127.0.0.1:514", "[::1]:514")])
@pytest.mark.parametrize("snippet", [True, False])
def test_haproxy_has_nothing_to_complain_of_where_it_has_to_tell_what_it_does(
    tmp_path: Path, syslog: tuple[str, ...], snippet: bool
) -> None:
    endpoint = replace(LOCAL, url=f"unix:{tmp_path}/steer.sock")
    config = tmp_path / "haproxy.cfg"
    text = render_config(cluster(endpoint), endpoint, RenderOptions(snippet=snippet, syslog=syslog))
    config.write_text(text, encoding="utf-8")
    assert complaints(config) == ""


@pytest.mark.row(23)
def test_no_form_of_the_stats_page_takes_commands_of_everybody() -> None:
    for endpoint in (LOCAL, REMOTE):
        for snippet in (True, False):
            text = render_config(cluster(LOCAL, REMOTE), endpoint, RenderOptions(snippet=snippet))
            admin = [line.strip() for line in text.splitlines() if "stats admin" in line]
            assert admin == ["stats admin if controller"]


@pytest.mark.parametrize("detection", Detection)
@pytest.mark.parametrize("web_tls", [True, False])
def test_haproxy_has_nothing_to_complain_of_on_a_unix_socket(
    tmp_path: Path, detection: Detection, web_tls: bool
) -> None:
    endpoint = replace(LOCAL, url=f"unix:{tmp_path}/steer.sock")
    config = tmp_path / "haproxy.cfg"
    made = cluster(endpoint, detection=detection, web_port=5054, web_tls=web_tls)
    config.write_text(render_config(made, endpoint), encoding="utf-8")
    assert complaints(config) == ""


@pytest.mark.parametrize("url", ["https://lb2.example.com:8404/stats", "https://[2001:db8::b]:8404/stats"])
def test_haproxy_has_nothing_to_complain_of_over_tls(tmp_path: Path, url: str) -> None:
    endpoint = replace(REMOTE, url=url)
    options = RenderOptions(
        bind="::", peers=PEERS, stats_certificate=str(STEER_CERTIFICATE), stats_ca=str(STEER_CA)
    )
    config = tmp_path / "haproxy.cfg"
    config.write_text(render_config(cluster(LOCAL, endpoint), endpoint, options), encoding="utf-8")
    assert complaints(config) == ""


@pytest.mark.parametrize("web_follows", [True, False])
@pytest.mark.parametrize("peers", [(), PEERS])
def test_haproxy_has_nothing_to_complain_of_in_a_snippet_behind_another_file(
    tmp_path: Path, peers: tuple[Peer, ...], web_follows: bool
) -> None:
    endpoint = replace(LOCAL, url=f"unix:{tmp_path}/steer.sock", hard_stop_after=timedelta(hours=1))
    theirs, ours = tmp_path / "theirs.cfg", tmp_path / "ours.cfg"
    made = cluster(endpoint, web_port=5054, web_follows=web_follows)
    text = render_config(made, endpoint, RenderOptions(snippet=True, peers=peers))
    theirs.write_text(THEIRS.format(local_peer="lb1"), encoding="utf-8")
    ours.write_text(text, encoding="utf-8")
    assert complaints(theirs, ours) == ""
    together = tmp_path / "together.cfg"
    together.write_text(THEIRS.format(local_peer="lb1") + text, encoding="utf-8")
    assert complaints(together) == ""


def test_a_snippet_with_peers_is_refused_where_this_haproxy_has_another_name(tmp_path: Path) -> None:
    endpoint = replace(LOCAL, url=f"unix:{tmp_path}/steer.sock")
    theirs, ours = tmp_path / "theirs.cfg", tmp_path / "ours.cfg"
    theirs.write_text(THEIRS.format(local_peer="lb7"), encoding="utf-8")
    ours.write_text(render_config(cluster(endpoint), endpoint, RenderOptions(snippet=True, peers=PEERS)))
    assert "is called lb7; its global section needs: localpeer lb1" in complaints(theirs, ours)


def test_haproxy_complains_where_sections_after_a_snippet_would_take_its_defaults(tmp_path: Path) -> None:
    endpoint = replace(LOCAL, url=f"unix:{tmp_path}/steer.sock")
    config = tmp_path / "haproxy.cfg"
    ours = render_config(cluster(endpoint), endpoint, RenderOptions(snippet=True))
    config.write_text(f"{ours}\nfrontend shop\n    bind 192.0.2.80:80\n", encoding="utf-8")
    assert "defaults section 'rlm-ha'" in complaints(config)


@pytest.mark.row(18)
@pytest.mark.parametrize("snippet", [True, False])
def test_a_haproxy_that_is_too_old_says_so_instead_of_starting(tmp_path: Path, snippet: bool) -> None:
    endpoint = replace(LOCAL, url=f"unix:{tmp_path}/steer.sock")
    text = render_config(cluster(endpoint), endpoint, RenderOptions(snippet=snippet))
    config = tmp_path / "haproxy.cfg"
    config.write_text(text.replace("version_before(2.6)", "version_before(99.0)"), encoding="utf-8")
    assert "this HAProxy is older than 2.6" in complaints(config)


def test_haproxy_does_complain_of_what_is_wrong(tmp_path: Path) -> None:
    """The page's own section: `stats` in a TCP proxy is dropped with a warning alone."""
    config = tmp_path / "haproxy.cfg"
    text = render_config(cluster(LOCAL), replace(LOCAL, url=f"unix:{tmp_path}/steer.sock"))
    config.write_text(text.replace("    mode http\n", ""), encoding="utf-8")
    assert "'stats' statement ignored" in complaints(config)


def test_a_stats_page_under_another_path_and_an_ipv6_address_listens_there() -> None:
    endpoint = replace(REMOTE, url="https://[2001:db8::b]:9000/ha")
    text = render_config(cluster(endpoint), endpoint)
    assert "    bind [::]:9000 v4v6 ssl crt " in text
    assert "    stats uri /ha\n" in text


@pytest.mark.parametrize(("bind", "expected"), [("*", "*"), ("::1", "[::1]"), ("[::]", "[::]")])
def test_clients_are_taken_on_the_address_that_was_asked_for(bind: str, expected: str) -> None:
    text = render_config(cluster(LOCAL), LOCAL, RenderOptions(bind=bind))
    assert f"    bind {expected}:5053\n" in text
    assert f"    bind {expected}:49152\n" in text


def test_an_isv_without_a_planned_port_is_named_for_each_server() -> None:
    made = cluster(LOCAL, isv_ports=(ISV_PORTS, (("lstc", 49153),), ()))
    with pytest.raises(ManifestError) as refused:
        render_config(made, LOCAL)
    assert refused.value.problems == tuple(
        f"rlm-ha-cluster.yaml: {server}: isvPorts.{isv} is missing: clients are sent on to the ISV server's "
        f"own port, so it must be fixed (`ISV {isv} port=N` in the license file) and named here"
        for isv, server in (("lstc", "rlm3"), ("siemens", "rlm2"), ("siemens", "rlm3"))
    )


def test_servers_may_plan_different_ports_for_one_isv() -> None:
    made = cluster(LOCAL, isv_ports=(ISV_PORTS, (("lstc", 50001), ("siemens", 50002)), ISV_PORTS))
    text = render_config(made, LOCAL)
    assert "    bind *:49152\n" in text
    assert "server rlm2 192.0.2.2:50002 track rlm_license_servers/rlm2" in text
    assert "bind *:50002" not in text


def test_peers_without_this_balancer_are_refused_because_haproxy_would_drop_the_table() -> None:
    with pytest.raises(ManifestError) as refused:
        render_config(cluster(LOCAL, REMOTE), REMOTE, RenderOptions(peers=PEERS[:1]))
    assert refused.value.problems == ("peers: lb2 is not among them; HAProxy would drop the table",)


def test_a_cluster_without_a_balancer_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"spec\.loadBalancer is missing"):
        render_config(replace(cluster(), load_balancer=None), LOCAL)


def test_backends_have_the_manifests_names_or_ours() -> None:
    assert isv_backend(REMOTE, "lstc") == "dyna"
    assert isv_backend(REMOTE, "siemens") == "rlm_isv_siemens"
    named = replace(LOCAL, backend="licenses", web_backend="pages")
    text = render_config(cluster(named, web_port=5054), named)
    for expected in (
        "backend licenses\n",
        "backend pages\n",
        "stick match int(1) table licenses\n",
        "table_server_id(licenses)",
        "track licenses/rlm1",
    ):
        assert expected in text
    assert "rlm_license_servers" not in text


def test_a_web_port_that_does_not_follow_has_nothing_to_do_with_the_licenses() -> None:
    text = render_config(cluster(LOCAL, web_port=5054), LOCAL)
    web = text.partition("frontend rlm_web_frontend\n")[2].partition("\nlisten ")[0]
    assert "rlm_license_servers" not in web
    assert balancer_names(cluster(LOCAL, web_port=5054), LOCAL).web_backend is None
    following = cluster(LOCAL, web_port=5054, web_follows=True)
    assert balancer_names(following, replace(LOCAL, web_backend="pages")).web_backend == "pages"


def test_without_isvs_and_web_there_is_the_license_port_alone() -> None:
    made = replace(cluster(LOCAL, isv_ports=((), (), ())), features=())
    text = render_config(made, LOCAL)
    assert text.count("frontend ") == 1
    assert "httpchk" not in text
