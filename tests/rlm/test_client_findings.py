"""Each finding about a client's settings has a row that fires and a near miss."""

import pytest

from rlm_exporter.rlm.client_env import read_client_env
from rlm_exporter.rlm.client_findings import ClientFinding, ClientFindingKind, find_client_faults
from rlm_exporter.rlm.env_file import read_env_file
from rlm_exporter.rlm.license_values import Severity

K = ClientFindingKind
GOOD = "RLM_LICENSE=5053@rlm-lb.example.com"


def findings(text: str) -> tuple[ClientFinding, ...]:
    return find_client_faults(read_client_env(read_env_file(text.encode())))


ROWS = [
    (K.SEVERAL_SERVERS, "RLM_LICENSE=5053@a:5053@b:5053@c", "up to 3 times"),
    (K.SEVERAL_SERVERS, "RLM_LICENSE=5053@a:5053@A.:/opt/a.lic", None),
    (K.SAME_SERVER_TWICE, "RLM_LICENSE=5053@a:5053@b:5053@A", "5053@a stands in the list 2 times"),
    (K.SAME_SERVER_TWICE, "RLM_LICENSE=5053@a:5054@a", None),
    (K.FLEXLM_NAME, "SIEMENS_LICENSE_FILE=5053@a", "siemens_LICENSE"),
    (K.FLEXLM_NAME, "RLM_LICENSE_FILE=5053@a", "RLM's is RLM_LICENSE"),
    (K.FLEXLM_NAME, "siemens_LICENSE=5053@a", None),
    (K.UPPER_CASE_ISV, "SIEMENS_LICENSE=5053@a", "15.1"),
    (K.UPPER_CASE_ISV, "siemens_LICENSE=5053@a", None),
    (K.REPLACES_GENERIC, f"{GOOD}\nsiemens_LICENSE=5053@a", "in place of RLM_LICENSE"),
    (K.REPLACES_GENERIC, "siemens_LICENSE=5053@a", None),
    (K.RANDOM_ORDER, f"{GOOD}\nRLM_PATH_RANDOMIZE=1", "random place"),
    (K.RANDOM_ORDER, GOOD, None),
    (K.TIMEOUT_ROUNDED, f"{GOOD}\nRLM_CONNECT_TIMEOUT=8", "this is 5 s"),
    (K.TIMEOUT_ROUNDED, f"{GOOD}\nRLM_CONNECT_TIMEOUT=2", "this is 5 s"),
    (K.TIMEOUT_ROUNDED, f"{GOOD}\nRLM_CONNECT_TIMEOUT=-15", None),
    (K.TIMEOUT_ROUNDED, f"{GOOD}\nRLM_CONNECT_TIMEOUT=soon", None),
    (K.TIMEOUT_UNREADABLE, f"{GOOD}\nRLM_CONNECT_TIMEOUT=soon", "'soon'"),
    (K.TIMEOUT_UNREADABLE, f"{GOOD}\nRLM_CONNECT_TIMEOUT=8", None),
    (K.NO_LICENSE_SETTING, "LM_LICENSE_FILE=5053@a", "neither RLM_LICENSE"),
    (K.NO_LICENSE_SETTING, "siemens_LICENSE=5053@a", None),
    (K.EMPTY_LIST, "RLM_LICENSE=", "empty"),
    (K.EMPTY_LIST, GOOD, None),
    (K.EMPTY_ITEM, "RLM_LICENSE=5053@a:", "separator"),
    (K.EMPTY_ITEM, GOOD, None),
    (K.UNREADABLE_ITEM, "RLM_LICENSE=5053@a:x@b", "'x@b'"),
    (K.UNREADABLE_ITEM, GOOD, None),
    (K.BARE_IPV6, "RLM_LICENSE=5053@2001:db8::1", "brackets"),
    (K.BARE_IPV6, "RLM_LICENSE=5053@[2001:db8::1]", None),
    (K.NOT_A_SERVER, "RLM_LICENSE=rlm1.example.com", "port@host"),
    (K.NOT_A_SERVER, "RLM_LICENSE=/opt/rlm", None),
    (K.NOT_EXPANDED, "RLM_LICENSE=5053@a:$RLM_LICENSE", "shell"),
    (K.NOT_EXPANDED, GOOD, None),
    (K.MIXED_SEPARATORS, "RLM_LICENSE=5053@a:5053@b;5053@c", "both separators"),
    (K.MIXED_SEPARATORS, "RLM_LICENSE=5053@a;5053@b", None),
    (K.SET_TWICE, f"{GOOD}\n{GOOD}", "line 2"),
    (K.SET_TWICE, f"{GOOD}\nPATH=a\nPATH=b", None),
]


@pytest.mark.row(24)
@pytest.mark.parametrize(("kind", "text", "says"), ROWS)
def test_each_finding_stands_where_it_belongs(kind: ClientFindingKind, text: str, says: str | None) -> None:
    found = [each for each in findings(text) if each.kind is kind]
    assert len(found) == (says is not None)
    assert says is None or says in found[0].detail


@pytest.mark.parametrize("kind", ClientFindingKind)
def test_every_kind_has_a_row_that_fires_and_one_that_does_not(kind: ClientFindingKind) -> None:
    assert {says is not None for row, _, says in ROWS if row is kind} == {True, False}


@pytest.mark.row(24)
def test_a_balancer_alone_is_as_it_should_be() -> None:
    assert findings(GOOD) == ()


def test_only_what_no_client_can_use_is_an_error() -> None:
    found = {each.kind for _, text, _ in ROWS for each in findings(text) if each.severity is Severity.ERROR}
    assert found == {K.UNREADABLE_ITEM}


def test_a_finding_names_its_setting_and_line() -> None:
    [finding] = findings(f"\n{GOOD}\n\nexport RLM_CONNECT_TIMEOUT=8\n")
    assert finding.setting is not None
    assert (finding.setting.name, finding.setting.line) == ("RLM_CONNECT_TIMEOUT", 4)
