"""What becomes of names before they are stored."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rlm_exporter.manifest.model import Privacy
from rlm_exporter.store.usage_records import Closed, EndReason, Opened, UsageSession
from rlm_exporter.usage.privacy import Veil
from tests.usage.statuses import NOON

KEY = b"0123456789abcdef"
ALICE = UsageSession(
    key="k",
    cluster="prod",
    server="rlm1",
    isv="siemens",
    feature="solver",
    version="3.0",
    user="alice",
    host="ws1",
    count=1,
    handle="1",
    out=NOON,
)


def veiled(veil: Veil, **changes: str | None) -> UsageSession:
    change = veil(Opened(session=replace(ALICE, **changes)))  # type: ignore[arg-type]  # names alone are changed
    assert isinstance(change, Opened)
    return change.session


def test_names_are_kept_by_default() -> None:
    assert veiled(Veil(Privacy.NONE)) == ALICE


def test_names_may_be_left_out() -> None:
    assert veiled(Veil(Privacy.FULL)) == replace(ALICE, user=None, host=None)


def test_a_name_has_one_pseudonym_and_each_its_own() -> None:
    veil = Veil(Privacy.HASH, key=KEY)
    alice, bob = veiled(veil), veiled(veil, user="bob", host="ws2")
    assert alice == veiled(Veil(Privacy.HASH, key=KEY), user="Alice", host="WS1")
    assert len({alice.user, bob.user, alice.host, bob.host}) == 4
    assert "alice" not in str(alice)
    assert replace(alice, user="alice", host="ws1") == ALICE


def test_a_user_and_a_host_of_one_name_cannot_be_told_to_be_one() -> None:
    session = veiled(Veil(Privacy.HASH, key=KEY), user="x", host="x")
    assert str(session.user).removeprefix("user-") != str(session.host).removeprefix("host-")


def test_another_secret_gives_other_pseudonyms() -> None:
    assert veiled(Veil(Privacy.HASH, key=KEY)) != veiled(Veil(Privacy.HASH, key=KEY[::-1]))


def test_what_nobody_knows_stays_unknown() -> None:
    assert veiled(Veil(Privacy.HASH, key=KEY), user=None).user is None


def test_a_secret_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Veil(Privacy.HASH, key=b"short")


def test_an_end_has_no_names() -> None:
    change = Closed(key="k", at=NOON + timedelta(seconds=1), reason=EndReason.RETURNED, out=NOON)
    assert Veil(Privacy.FULL)(change) is change
