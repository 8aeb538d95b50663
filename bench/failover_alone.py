"""HAProxy alone, with the check timings of Vantage's manual: what a failover is without a controller."""

import contextlib
import random
import time
from collections.abc import Iterator

from bench.failover_measures import Samples
from bench.failover_stage import stage_of, wait_served
from rlm_exporter.demo.layout import SERVERS, Choices
from rlm_exporter.demo.processes import Interrupts
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.history import answers_from

AT_ONCE = 5
"""Stages beside each other: they spend their time waiting."""

CHECK = 10.0
RETURN = 2 * CHECK + 5
"""Seconds within which two good checks have brought a returned server back."""

CONFIG = """\
global
    log 127.0.0.1:514 local0
defaults
    mode tcp
    timeout connect 5000ms
    timeout client 300000ms
    timeout server 300000ms
    retries 3
frontend rlm_license_frontend
    bind {host}:{port}
    default_backend rlm_license_servers
frontend rlm_isv_frontend
    bind {host}:{isv_port}
    default_backend rlm_isv_servers
# A connect is what is checked: to the manual's `tcp-check expect string "RLM"` no rlm answers.
backend rlm_license_servers
    balance leastconn
{license_servers}
# The manual has no ISV port, and without one no client would get a seat at all.
backend rlm_isv_servers
    balance leastconn
{isv_servers}
listen stats
    mode http
    bind unix@{folder}/lb1.sock
    stats enable
    stats uri /stats
"""


def alone(interrupts: Interrupts, runs: int) -> Iterator[Samples]:
    """Crash and return, on some stages beside each other."""
    while runs > 0:
        with contextlib.ExitStack() as stack:
            number = min(runs, AT_ONCE)
            stages = [stack.enter_context(stage_of(interrupts, Choices())) for _ in range(number)]
            yield from _crash_and_return(stages)
        runs -= AT_ONCE


def _crash_and_return(stages: list[Stage]) -> Iterator[Samples]:
    for stage in stages:
        write_config(stage)
        stage.start_haproxy()
        stage.start_clients(rate=10, holders=1)
    for stage in stages:
        wait_served(stage, holders=1)
    killed = _kill_each(stages)
    took = []
    for stage, at in zip(stages, killed, strict=True):
        stage.wait(lambda stage=stage, at=at: _first(stage, at) is not None, "rlm2 in service", within=90)  # type: ignore[misc]  # defaults bind the loop's variables
        took.append((_first(stage, at) or 0.0) - at)
        stage.start_server("rlm1")
    returned = time.monotonic()
    while time.monotonic() < returned + RETURN:
        time.sleep(0.5)
    for stage, seconds in zip(stages, took, strict=True):
        back = answers_from(stage.events(), "rlm1", after=returned)
        yield {"alone": [seconds], "alone_return": [len(back)]}


def _kill_each(stages: list[Stage]) -> list[float]:
    """Kill every active server, each at another moment between two checks."""
    began = time.monotonic()
    moments = sorted(began + random.uniform(0, CHECK) for _ in stages)
    for stage, moment in zip(stages, moments, strict=True):
        time.sleep(max(0.0, moment - time.monotonic()))
        stage.kill("rlm1")
    return moments


def _first(stage: Stage, after: float) -> float | None:
    return next((each.answered for each in answers_from(stage.events(), "rlm2", after=after)), None)


def write_config(stage: Stage) -> None:
    """The manual's configuration, in the place of ours."""
    layout = stage.layout
    text = CONFIG.format(
        host=layout.balancer_host,
        port=layout.license_port,
        isv_port=layout.isv_port,
        folder=stage.folder,
        license_servers=_servers(stage, layout.license_port),
        isv_servers=_servers(stage, layout.isv_port),
    )
    (stage.folder / "lb1" / "haproxy.cfg").write_text(text, encoding="utf-8")


def _servers(stage: Stage, port: int) -> str:
    return "\n".join(
        f"    server {server} {stage.layout.host(server)}:{port} check inter 10s fall 3 rise 2"
        + ("" if server == SERVERS[0] else " backup")
        for server in SERVERS
    )
