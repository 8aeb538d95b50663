"""Assignments are found in whatever kind of file they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.client_env import Setting
from rlm_exporter.rlm.env_file import read_env_file


@pytest.mark.row(24)
@pytest.mark.parametrize(
    "line",
    [
        "RLM_LICENSE=5053@a:5053@b",
        'export RLM_LICENSE="5053@a:5053@b"',
        "export   RLM_LICENSE='5053@a:5053@b'  # ours",
        "  RLM_LICENSE=5053@a:5053@b # ours",
        "RLM_LICENSE=5053@a:5053@b; # ours",
        'declare -x RLM_LICENSE="5053@a:5053@b"',
        "setenv RLM_LICENSE 5053@a:5053@b",
        'setenv RLM_LICENSE "5053@a:5053@b"',
        "set RLM_LICENSE=5053@a:5053@b",
        'SET "RLM_LICENSE=5053@a:5053@b"',
        '$env:RLM_LICENSE = "5053@a:5053@b"',
        "$Env:RLM_LICENSE='5053@a:5053@b'",
        "Environment=RLM_LICENSE=5053@a:5053@b",
        'Environment="RLM_LICENSE=5053@a:5053@b"',
        "RLM_LICENSE=5053@a:5053@b\r",
    ],
)
def test_reads_every_form(line: str) -> None:
    assert read_env_file(f"\n{line}\n".encode()) == (
        Setting(name="RLM_LICENSE", value="5053@a:5053@b", line=2),
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# RLM_LICENSE=5053@a",
        "echo $RLM_LICENSE",
        "unset RLM_LICENSE",
        "export RLM_LICENSE",
        "if [ a = b ]; then",
        "1A=b",
        "setenv RLM_LICENSE",
        "[Service]",
    ],
)
def test_other_lines_set_nothing(line: str) -> None:
    assert read_env_file(line.encode()) == ()


def test_reads_the_environment_of_a_process() -> None:
    data = b"HOME=/root\0siemens_LICENSE=5053@a\0RLM_CONNECT_TIMEOUT=5\0"
    assert [(each.name, each.value) for each in read_env_file(data)] == [
        ("HOME", "/root"),
        ("siemens_LICENSE", "5053@a"),
        ("RLM_CONNECT_TIMEOUT", "5"),
    ]


def test_an_empty_value_is_a_value() -> None:
    assert [each.value for each in read_env_file(b'RLM_LICENSE=\nRLM_LICENSE=""\n')] == ["", ""]


@given(
    st.one_of(
        st.binary(max_size=200), st.text(alphabet="RLM_=export set$nv:\"' #\n\0", max_size=80).map(str.encode)
    )
)
def test_any_bytes_are_read(data: bytes) -> None:
    assert all(1 <= (each.line or 0) <= len(data) + 1 for each in read_env_file(data))
