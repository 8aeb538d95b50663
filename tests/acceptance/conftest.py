"""A stage for each test, on loopback addresses of its own."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from rlm_exporter.demo.layout import SERVERS, Choices, Layout, balancer_name
from rlm_exporter.demo.processes import Interrupts
from rlm_exporter.demo.programs import find_programs
from rlm_exporter.demo.stage import Stage
from tests.acceptance.history import start_watcher
from tests.ports import free_port

_NUMBERS = itertools.count(1)


def network() -> str:
    """First three numbers of addresses that no other test uses meanwhile, in this worker or another."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"127.{101 + worker}.{next(_NUMBERS) % 256}"


def layout(balancers: int) -> Layout:
    """On ports that nobody else takes before they are listened on, nor while a part of the stage is dead."""
    where = Layout(network=network(), balancers=balancers)
    hosts = [*(where.host(server) for server in SERVERS), *where.balancer_hosts]
    return replace(
        where,
        license_port=free_port(hosts),
        web_port=free_port(hosts),
        isv_port=free_port(hosts),
        peer_port=free_port(where.balancer_hosts),
        daemon_port=free_port(),
        prometheus_port=free_port(),
        alertmanager_port=free_port(),
    )


class SetStage(Protocol):
    """Sets one stage."""

    def __call__(self, choices: Choices, *, balancers: int = 1) -> Stage:
        """With its servers, its balancers and somebody who watches, and nothing else."""
        ...


@pytest.fixture
def set_stage(tmp_path: Path) -> Iterator[SetStage]:
    """Set a stage with its files written and its license servers and HAProxy running; ended afterwards."""
    stages: list[Stage] = []

    def make(choices: Choices, *, balancers: int = 1) -> Stage:
        # A unix socket's path has to be short.
        folder = tmp_path / "s"
        folder.mkdir()
        stage = Stage(
            folder=folder,
            layout=layout(balancers),
            choices=choices,
            programs=find_programs(),
            interrupts=Interrupts(),
        )
        stages.append(stage)
        stage.write_files()
        for server in SERVERS:
            stage.start_server(server)
        for number in range(balancers):
            stage.start_haproxy(balancer_name(number))
        start_watcher(stage)
        return stage

    yield make
    for stage in stages:
        stage.end()
