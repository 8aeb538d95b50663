"""What a person reads where packages cannot be fetched."""

from pathlib import Path

import pytest

from dev.distribution import Distribution
from dev.steps import SetupError


def test_names_the_packages_where_there_is_no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="no apt-get on this machine") as raised:
        Distribution(tmp_path / "apt").unpack(["haproxy", "prometheus"], tmp_path / "root")
    assert "haproxy prometheus" in str(raised.value)


def test_shows_what_apt_said_and_names_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("apt-get", "dpkg-deb"):
        (tmp_path / name).write_text('#!/bin/sh\necho "E: Temporary failure resolving"; exit 100\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="Temporary failure resolving") as raised:
        Distribution(tmp_path / "apt").unpack(["haproxy", "prometheus"], tmp_path / "root")
    assert "haproxy prometheus" in str(raised.value)
