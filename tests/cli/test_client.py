from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses

from rlm_exporter.cli.client import Client, UnreachableError, is_loopback
from rlm_exporter.cli.connection import Connection
from rlm_exporter.errors import ApiError
from tests.cli import documents
from tests.ports import free_port

URL = "http://127.0.0.1:10053"
CLUSTER_URL = f"{URL}/api/v1/clusters/rlm-ha-cluster"
TOKEN = "s3cret-token"


def client(
    url: str = URL, token: str | None = TOKEN, trace: Callable[[str], None] = lambda _: None
) -> Client:
    return Client(Connection(url=url, token=token), trace=trace)


def problem(status: int, kind: str, detail: str) -> None:
    responses.get(
        CLUSTER_URL,
        status=status,
        json={"status": status, "title": kind, "kind": kind, "detail": detail},
        content_type="application/problem+json",
    )


def failure() -> ApiError:
    with pytest.raises(ApiError) as error:
        client().cluster("rlm-ha-cluster")
    return error.value


@responses.activate
def test_an_answer_is_kept_as_a_value_and_as_it_came() -> None:
    responses.get(CLUSTER_URL, json=documents.status())
    answer = client().cluster("rlm-ha-cluster")
    assert answer.document == documents.status()
    assert answer.value.active == "rlm2"
    assert [server.license.state for server in answer.value.servers] == ["down", "up", "up"]


@responses.activate
def test_the_token_is_sent_as_a_bearer() -> None:
    responses.get(CLUSTER_URL, json=documents.status())
    client().cluster("rlm-ha-cluster")
    assert responses.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


@responses.activate
def test_without_a_token_nothing_from_netrc_is_sent(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine rlm.example.com login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    responses.get("http://rlm.example.com/api/v1/clusters/x", json=documents.status())
    client("http://rlm.example.com", token=None).cluster("x")
    assert "Authorization" not in responses.calls[0].request.headers


@responses.activate
def test_a_name_is_quoted_and_cannot_lead_elsewhere() -> None:
    responses.get(f"{URL}/api/v1/clusters/..%2F..%2Fmetrics%3Fx", json=documents.status())
    client().cluster("../../metrics?x")
    assert responses.calls[0].request.url == f"{URL}/api/v1/clusters/..%2F..%2Fmetrics%3Fx"


@responses.activate
def test_a_move_carries_its_key_and_its_wish() -> None:
    responses.post(
        f"{CLUSTER_URL}/failover",
        status=202,
        json={"result": "started", "operation": documents.open_operation()},
        match=[
            responses.matchers.header_matcher({"Idempotency-Key": "k1"}),
            responses.matchers.json_params_matcher({"to": "rlm2"}),
        ],
    )
    answer = client().fail_over("rlm-ha-cluster", {"to": "rlm2"}, key="k1")
    assert answer.value.operation is not None
    assert answer.value.operation.is_open


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, "unknown_cluster", 3),
        (404, "unknown_operation", 3),
        (422, "unknown_server", 3),
        (422, "invalid", 2),
        (400, "invalid", 2),
        (409, "operation_open", 4),
        (409, "target_unhealthy", 4),
        (412, "expectation_failed", 4),
        (503, "store_unavailable", 5),
        (503, "not_ready", 5),
        (500, "internal", 1),
    ],
)
@responses.activate
def test_each_problem_has_its_exit_code_and_says_its_detail(status: int, kind: str, code: int) -> None:
    problem(status, kind, "what is the matter")
    error = failure()
    assert (error.exit_code, error.status, str(error)) == (code, status, "what is the matter")


@pytest.mark.parametrize(("status", "hint"), [(401, "RLM_HA_TOKEN_FILE"), (403, "`operator`")])
@responses.activate
def test_a_token_that_does_not_open_gets_a_hint_and_is_not_printed(status: int, hint: str) -> None:
    problem(status, "forbidden", "no")
    error = failure()
    assert error.exit_code == 1
    assert hint in str(error)
    assert TOKEN not in str(error)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("<html>another program</html>", "text/html", 200),
        ("<html>no such page</html>", "text/html", 404),
        ("{not json", "application/json", 200),
        ("[]", "application/json", 200),
        ('{"error": "gateway"}', "application/json", 502),
        ("", "", 302),
    ],
)
@responses.activate
def test_a_stranger_on_that_port_is_told_from_the_daemon(body: str, content_type: str, status: int) -> None:
    responses.get(
        CLUSTER_URL, body=body, content_type=content_type, status=status, headers={"Location": "http://evil/"}
    )
    error = failure()
    assert isinstance(error, UnreachableError)
    assert error.exit_code == 5
    assert f"{URL} answers ({status}" in str(error)
    assert len(responses.calls) == 1


@responses.activate
def test_an_answer_that_lacks_something_says_what() -> None:
    document = documents.status()
    del document["servers"][1]["license"]["state"]
    responses.get(CLUSTER_URL, json=document)
    error = failure()
    assert error.exit_code == 1
    assert "the answer.servers[1].license has no state" in str(error)


def test_a_daemon_that_is_not_there_was_not_asked() -> None:
    with pytest.raises(UnreachableError) as error:
        client(f"http://127.0.0.1:{free_port()}").cluster("x")
    assert not error.value.maybe_done
    assert error.value.exit_code == 5
    assert "connection refused. Does `rlm-ha serve` run there?" in str(error.value)


@pytest.mark.parametrize(
    ("exception", "text", "maybe_done"),
    [
        (requests.ReadTimeout("read timed out"), "silence for 15 s", True),
        (requests.ConnectTimeout("timed out"), "no connection within 3 s", False),
        (
            requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer")),
            "reset by peer",
            True,
        ),
        (requests.exceptions.ChunkedEncodingError("incomplete"), "incomplete", True),
        (requests.exceptions.SSLError("certificate verify failed"), "certificate verify failed", False),
        (requests.exceptions.ProxyError("no proxy there"), "no proxy there", False),
    ],
)
@responses.activate
def test_a_lost_answer_is_told_from_a_question_never_asked(
    exception: Exception, text: str, maybe_done: bool
) -> None:
    responses.get(CLUSTER_URL, body=exception)
    error = failure()
    assert isinstance(error, UnreachableError)
    assert text in str(error)
    assert error.maybe_done is maybe_done


@responses.activate
def test_what_is_asked_is_traced_without_the_token() -> None:
    responses.get(CLUSTER_URL, json=documents.status())
    lines: list[str] = []
    client(trace=lines.append).cluster("rlm-ha-cluster")
    assert lines[0].startswith(f"GET {CLUSTER_URL}: 200 in ")
    assert TOKEN not in "".join(lines)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("rlm.localhost", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# ---- several daemons

OTHER = "http://127.0.0.2:10053"


def refusal_of_a_follower(leader: str | None = OTHER) -> dict[str, Any]:
    document = {"status": 409, "kind": "not_leader", "detail": "ha1 acts for this cluster"}
    return document if leader is None else {**document, "leader_url": leader}


def wish_at(url: str, **answer: Any) -> None:
    responses.post(f"{url}/api/v1/clusters/x/pause", **answer)


def pause_by(api: Client) -> str:
    return api.tell("x", "pause", {"for": "2h"}).value.detail


@responses.activate
def test_a_wish_is_taken_to_the_daemon_that_acts_with_its_token_and_key() -> None:
    told: list[str] = []
    body = {"json": refusal_of_a_follower(), "content_type": "application/problem+json"}
    wish_at(URL, status=409, **body)
    wish_at(OTHER, json={"result": "done", "detail": "paused"})
    api = client(trace=told.append)
    assert pause_by(api) == "paused"
    assert [call.request.url for call in responses.calls] == [
        f"{URL}/api/v1/clusters/x/pause",
        f"{OTHER}/api/v1/clusters/x/pause",
    ]
    assert responses.calls[1].request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert responses.calls[1].request.body == responses.calls[0].request.body
    assert api.url == OTHER  # what is asked next, too
    assert any("asking there" in line for line in told)


@pytest.mark.parametrize("leader", [None, URL, f"{URL}/", "file:///etc/passwd", "ha1"])
@responses.activate
def test_a_refusal_that_leads_nowhere_is_told(leader: str | None) -> None:
    wish_at(URL, status=409, json=refusal_of_a_follower(leader), content_type="application/problem+json")
    with pytest.raises(ApiError, match="ha1 acts for this cluster") as error:
        pause_by(client())
    assert error.value.exit_code == 4
    assert len(responses.calls) == 1


@responses.activate
def test_a_token_is_not_sent_in_the_clear_because_an_answer_says_so() -> None:
    secure = "https://ha2.example.com"
    wish_at(secure, status=409, json=refusal_of_a_follower(), content_type="application/problem+json")
    with pytest.raises(ApiError, match="ha1 acts"):
        pause_by(client(secure))
    assert len(responses.calls) == 1


@responses.activate
def test_two_daemons_that_name_each_other_are_not_followed_for_ever() -> None:
    for here, there in ((URL, OTHER), (OTHER, URL)):
        wish_at(here, status=409, json=refusal_of_a_follower(there), content_type="application/problem+json")
    with pytest.raises(ApiError, match="ha1 acts"):
        pause_by(client())
    assert len(responses.calls) == 3
