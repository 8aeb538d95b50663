import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.errors import ConfigurationError
from rlm_exporter.server.auth import Role, Token, may, parse_tokens, webhook_token, who

SECRET = "correct-horse-battery"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


VIEWER = Token(name="grafana", role=Role.VIEWER, sha256=digest("v"))
OPERATOR = Token(name="ada", role=Role.OPERATOR, sha256=digest("o"))
WEBHOOK = webhook_token("w")
TOKENS = (VIEWER, OPERATOR, WEBHOOK)


def test_a_tokens_file_has_a_line_per_token_and_comments() -> None:
    text = (
        "# who may do what\n\n"
        f"grafana viewer {digest('v')}\n"
        f"  ada\toperator {digest('o').upper()} # her own\n"
    )
    assert parse_tokens(text, source="tokens") == (VIEWER, OPERATOR)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"ada {SECRET}", "tokens:3: expected NAME ROLE SHA256"),
        (f"ada operator {SECRET} {SECRET}", "tokens:3: expected NAME ROLE SHA256"),
        (f"ada {SECRET} {digest(SECRET)}", "tokens:3: the role is none of viewer, operator, shipper"),
        (f"ada webhook {digest(SECRET)}", "tokens:3: the role is none of viewer, operator, shipper"),
        (f"ada Operator {digest(SECRET)}", "tokens:3: the role is none of viewer, operator, shipper"),
        (
            f"ada operator {SECRET}",
            "tokens:3: not a SHA-256 in hexadecimal; `printf %s TOKEN | sha256sum` makes one",
        ),
        (
            f"ada operator {'g' * 64}",
            "tokens:3: not a SHA-256 in hexadecimal; `printf %s TOKEN | sha256sum` makes one",
        ),
    ],
)
def test_a_line_that_is_wrong_is_named_by_its_number_and_not_shown(line: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_tokens(f"# two lines\ngrafana viewer {digest('v')}\n{line}\n", source="tokens")
    assert str(refused.value) == expected
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", ["", "\n\n", "# grafana viewer abc\n"])
def test_a_file_without_a_token_is_refused_because_it_would_open_everything(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_tokens(text, source="tokens")
    assert str(refused.value) == "tokens: there is no token in it; without the file everything is open"


def test_a_token_is_kept_as_its_hash_alone() -> None:
    assert SECRET not in repr(webhook_token(SECRET))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer v", VIEWER),
        ("bearer o", OPERATOR),
        ("Bearer  w ", WEBHOOK),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer x", None),
        ("Basic v", None),
        ("v", None),
        ("Bearer v v", None),
        (f"Bearer {digest('v')}", None),
        ("Bearer \udcff", None),
        ("Bearer \u00fc", None),
    ],
)
def test_whose_token_it_is(header: str, expected: Token | None) -> None:
    assert who(header, TOKENS) is expected


def test_the_hash_of_nothing_opens_nothing() -> None:
    assert who("Bearer ", (Token(name="x", role=Role.OPERATOR, sha256=digest("")),)) is None


@given(header=st.text())
def test_no_header_raises(header: str) -> None:
    assert who(f"Bearer {header}", ()) is None


@pytest.mark.parametrize(
    ("token", "viewer", "operator", "webhook"),
    [(VIEWER, True, False, False), (OPERATOR, True, True, False), (WEBHOOK, False, False, True)],
)
def test_what_each_role_is_good_for(token: Token, viewer: bool, operator: bool, webhook: bool) -> None:
    assert may(token, Role.VIEWER) is viewer
    assert may(token, Role.OPERATOR) is operator
    assert may(token, Role.WEBHOOK) is webhook
