"""What a client's settings mean: who is asked, in which order, how long a dead server holds it up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.client_env import ClientEnv, Setting, is_read, read_client_env, read_connect_timeout


def env(**settings: str) -> ClientEnv:
    return read_client_env([Setting(name=name, value=value) for name, value in settings.items()])


def servers(client: ClientEnv, isv: str | None) -> list[str] | None:
    found = client.for_isv(isv)
    return None if found is None else [item.text for item in found.servers]


@pytest.mark.row(24)
def test_a_vendors_programs_take_their_own_list_in_place_of_the_general_one() -> None:
    client = env(RLM_LICENSE="5053@a:5053@b", siemens_LICENSE="5053@c")

    assert servers(client, None) == ["5053@a", "5053@b"]
    assert servers(client, "lstc") == ["5053@a", "5053@b"]
    assert servers(client, "Siemens") == ["5053@c"]


def test_without_a_general_list_other_programs_have_none() -> None:
    client = env(siemens_LICENSE="5053@c")
    assert (servers(client, None), servers(client, "lstc"), servers(client, "siemens")) == (
        None,
        None,
        ["5053@c"],
    )
    assert env().lists == ()


def test_files_and_folders_are_no_servers() -> None:
    assert servers(env(RLM_LICENSE="/a.lic:5053@a:/b/"), None) == ["5053@a"]


@pytest.mark.row(24)
def test_a_name_of_flexlm_is_kept_apart() -> None:
    client = env(SIEMENS_LICENSE_FILE="5053@a", LM_LICENSE_FILE="27000@b")
    assert client.lists == ()
    assert [each.setting.name for each in client.foreign] == ["SIEMENS_LICENSE_FILE", "LM_LICENSE_FILE"]


def test_the_later_of_two_settings_counts() -> None:
    first = Setting(name="RLM_LICENSE", value="5053@a", line=1)
    second = Setting(name="RLM_LICENSE", value="5053@b", line=2)
    client = read_client_env(
        [first, second, Setting(name="PATH", value="x"), Setting(name="PATH", value="y")]
    )
    assert servers(client, None) == ["5053@b"]
    assert client.replaced == ((first, second),)


@pytest.mark.row(24)
@pytest.mark.parametrize(
    ("value", "seconds", "retries"),
    [
        (None, 10, True),
        ("5", 5, True),
        ("8", 5, True),
        ("9", 5, True),
        ("10", 10, True),
        ("11", 10, True),
        ("62", 60, True),
        ("3", 5, True),
        ("0", 5, True),
        ("-5", 5, False),
        ("-8", 5, False),
        ("-12", 10, False),
        (" 15 ", 15, True),
    ],
)
def test_the_timeout_comes_in_steps_of_five_seconds(value: str | None, seconds: int, retries: bool) -> None:
    setting = None if value is None else Setting(name="RLM_CONNECT_TIMEOUT", value=value)
    timeout = read_connect_timeout(setting)
    assert (timeout.seconds, timeout.retries, timeout.readable) == (seconds, retries, True)


@pytest.mark.parametrize("value", ["", "soon", "5s", "1e3", "9" * 5000, "\u0665"])
def test_a_timeout_that_is_no_number_is_said_to_be_none(value: str) -> None:
    timeout = read_connect_timeout(Setting(name="RLM_CONNECT_TIMEOUT", value=value))
    assert (timeout.seconds, timeout.readable) == (10, False)


@pytest.mark.row(24)
def test_each_dead_server_before_costs_the_timeout() -> None:
    client = env(RLM_LICENSE="5053@a:5053@b:5053@c", RLM_CONNECT_TIMEOUT="-7")
    assert [client.seconds_before(position) for position in range(3)] == [0, 5, 10]
    assert env(RLM_LICENSE="5053@a:5053@b").seconds_before(1) == 10


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("RLM_LICENSE", True),
        ("siemens_LICENSE", True),
        ("LM_LICENSE_FILE", True),
        ("RLM_CONNECT_TIMEOUT", True),
        ("RLM_PATH_RANDOMIZE", True),
        ("RLM_ROAM", False),
        ("LICENSE", False),
        ("_LICENSE", False),
        ("RLM_LICENSE_KEY", False),
        ("PATH", False),
    ],
)
def test_knows_its_variables(name: str, read: bool) -> None:
    assert is_read(name) is read


@given(
    st.lists(
        st.builds(
            Setting,
            name=st.sampled_from(
                [
                    "RLM_LICENSE",
                    "a_LICENSE",
                    "A_LICENSE_FILE",
                    "RLM_CONNECT_TIMEOUT",
                    "RLM_PATH_RANDOMIZE",
                    "x",
                ]
            ),
            value=st.text(max_size=40),
        ),
        max_size=6,
    )
)
def test_any_settings_have_a_meaning(settings: list[Setting]) -> None:
    client = read_client_env(settings)
    assert client.connect_timeout.seconds >= 5
    assert client.connect_timeout.seconds % 5 == 0
