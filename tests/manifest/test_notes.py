"""What a valid manifest leaves open is said."""

from rlm_exporter.manifest.notes import notes
from tests.manifest.manifests import SECOND, cluster

FEATURES = """\
  features:
    - {name: nuke_i, vendor: foundry}
"""
BALANCER = """\
  loadBalancer:
    host: rlm-lb.example.com
"""
HAPROXY = """\
    haproxy:
      - {name: lb1, url: "unix:/run/haproxy/steer.sock"}
"""


def said(*parts: str) -> str:
    return " | ".join(notes(cluster(*parts)))


def test_one_server_has_nowhere_to_move() -> None:
    assert "there is one server" in said(BALANCER, HAPROXY)
    assert "there is one server" not in said(SECOND, BALANCER, HAPROXY)


def test_without_a_balancer_connected_clients_stay() -> None:
    assert said(SECOND).startswith("there is no load balancer: ")


def test_a_balancer_that_nobody_steers_moves_nothing() -> None:
    assert said(SECOND, BALANCER).startswith("spec.loadBalancer names no haproxy to steer")


def test_an_isv_without_a_port_goes_around_the_balancer() -> None:
    assert "the ISV foundry has no isvPorts" in said(SECOND, FEATURES, BALANCER, HAPROXY)


def test_what_rlmdown_cannot_do_is_said_before_it_is_needed() -> None:
    monitoring = "  monitoring: {{failover: {{fence: {{{}}}}}}}\n"
    assert said(SECOND, monitoring.format("rlmdown: true")).startswith("fence: rlmdown cannot tell a server")
    assert "rlmdown" not in said(SECOND, monitoring.format("exec: [/usr/local/sbin/fence]"))


def test_a_whole_manifest_leaves_nothing_open() -> None:
    ports = "      isvPorts: {foundry: 5055}\n"

    assert said(ports, SECOND, ports, FEATURES, BALANCER, HAPROXY) == ""
