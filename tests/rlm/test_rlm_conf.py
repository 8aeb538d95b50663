import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.rlm_conf import Entry, RlmConf, RlmConfKey, parse_rlm_conf

pytestmark = pytest.mark.row(15)

SPELLINGS = (
    b"LICENSE_PATH /opt/rlm/licenses",
    b"license_path /opt/rlm/licenses",
    b"License-Path = /opt/rlm/licenses",
    b"LICENSE_PATH=/opt/rlm/licenses",
    b'  license_path\t"/opt/rlm/licenses"  # where they are',
    b"\xef\xbb\xbfLICENSE_PATH '/opt/rlm/licenses'\r",
)


@pytest.mark.parametrize("line", SPELLINGS)
def test_every_spelling_of_a_setting_means_the_same(line: bytes) -> None:
    read = parse_rlm_conf(line)
    entry = Entry(key=RlmConfKey.LICENSE_PATH, value="/opt/rlm/licenses", line=1)
    assert read == RlmConf(entries=(entry,))


@pytest.mark.parametrize("key", RlmConfKey)
def test_every_key_is_known_in_both_cases(key: RlmConfKey) -> None:
    value = "/a" if key.name.endswith(("PATH", "FILE", "CERT", "_KEY")) else "1"
    for name in (key.name, key.name.lower()):
        read = parse_rlm_conf(f"# head\n{name} {value}\n".encode())
        assert read.entries == (Entry(key=key, value=value, line=2),)
        assert read.remarks == ()


def test_there_are_fifteen_keys() -> None:
    assert len(RlmConfKey) == 15


def test_values_come_as_what_they_are() -> None:
    read = parse_rlm_conf(b"web_interface_port 5054\nweb_interface_https yes\nconnection_timeout 300s\n")
    assert read.number(RlmConfKey.WEB_INTERFACE_PORT) == 5054
    assert read.number(RlmConfKey.CONNECTION_TIMEOUT) == 300
    assert read.flag(RlmConfKey.WEB_INTERFACE_HTTPS) is True


def test_what_the_file_does_not_say_is_unknown_and_not_off() -> None:
    read = parse_rlm_conf(b"# nothing\n\n")
    assert read == RlmConf(entries=())
    assert read.flag(RlmConfKey.WEB_INTERFACE_ENABLE) is None
    assert read.number(RlmConfKey.MAX_CONNECTIONS) is None
    assert read.text(RlmConfKey.LOG_FILE) is None


def test_an_unknown_key_and_a_repeated_one_are_told_with_their_lines() -> None:
    read = parse_rlm_conf(b"LOG_LEVEL 3\nFOO 1\n=\nlog_level 4\n")
    assert read.entries == (Entry(key=RlmConfKey.LOG_LEVEL, value="4", line=4),)
    assert [(remark.line, remark.text) for remark in read.remarks] == [
        (2, "FOO is not known, and RLM does not read this file"),
        (3, "'=' is no setting; write KEY value"),
        (4, "LOG_LEVEL stands in line 1 too; this line counts"),
    ]


def test_every_value_that_cannot_be_meant_is_told_at_once() -> None:
    with pytest.raises(FormatError) as refused:
        parse_rlm_conf(
            b"LICENSE_PATH licenses\nWEB_INTERFACE_PORT 99999\nWEB_INTERFACE_HTTPS perhaps\n"
            b"CONNECTION_TIMEOUT soon\nMAX_CONNECTIONS 0\nLOG_LEVEL high\nLOG_FILE\n"
        )
    assert str(refused.value).splitlines() == [
        "line 1: LICENSE_PATH: 'licenses' is no absolute path; write one such as /opt/rlm/licenses",
        "line 2: WEB_INTERFACE_PORT: '99999' is no port; write a number from 1 to 65535",
        "line 3: WEB_INTERFACE_HTTPS: 'perhaps' is neither 1 nor 0",
        "line 4: CONNECTION_TIMEOUT: 'soon' is no time; write seconds, such as 30",
        "line 5: MAX_CONNECTIONS: '0' is no number above 0",
        "line 6: LOG_LEVEL: 'high' is no whole number",
        "line 7: LOG_FILE: '' is no absolute path; write one such as /opt/rlm/licenses",
    ]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(FormatError, match="binary data"):
        parse_rlm_conf(b"\x7fELF\0\0")


@given(st.binary(max_size=300))
def test_nothing_but_its_own_error_comes_of_any_bytes(data: bytes) -> None:
    try:
        read = parse_rlm_conf(data)
    except FormatError:
        return
    assert len({entry.key for entry in read.entries}) == len(read.entries)
