"""What an operator wants clients to be told: what is refused, what changes, and what is said of it."""

from dataclasses import replace

import pytest

from rlm_exporter.manifest.model import ClientFile, ClientSettingsSpec
from rlm_exporter.render.client_servers import Misfit
from rlm_exporter.render.client_settings import settings_for
from rlm_exporter.render.client_wish import (
    Change,
    ConfigWish,
    UnknownMode,
    UnsafeMode,
    apply_wish,
    changes,
    config_words,
    is_same,
    remarks,
)
from rlm_exporter.store.records import ClientConfig, RedundancyMode
from tests.render.test_client_servers import BEHIND, LB, ONE, THREE, TWO
from tests.render.test_client_settings import CLUSTER

WRITTEN = ClientSettingsSpec(files=(ClientFile(path="/srv/rlm.sh"),))
SET = ClientConfig(servers=(ONE, TWO), follows=False, set_by="ada")


@pytest.mark.row(25)
def test_the_guides_command_is_a_wish_that_is_granted() -> None:
    wish = ConfigWish(servers=LB, follows=True, mode="active-passive")
    assert apply_wish(wish, SET, CLUSTER) == replace(SET, servers=(LB,), follows=True)


def test_what_a_wish_does_not_name_stays() -> None:
    assert apply_wish(ConfigWish(), SET, CLUSTER) == SET
    assert apply_wish(ConfigWish(follows=True), SET, CLUSTER) == replace(SET, follows=True)
    assert apply_wish(ConfigWish(servers="prod"), SET, CLUSTER) == replace(SET, servers=())
    assert is_same(SET, replace(SET, set_by="bob", reason="why"))
    assert not is_same(SET, replace(SET, servers=()))


@pytest.mark.row(3)
def test_two_copies_that_serve_at_once_are_refused_with_the_reason() -> None:
    refused = apply_wish(ConfigWish(mode="Active-Active"), SET, CLUSTER)
    assert isinstance(refused, UnsafeMode)
    assert "more seats than were bought" in refused.detail
    unknown = apply_wish(ConfigWish(mode="ring"), SET, CLUSTER)
    assert unknown == UnknownMode(detail="'ring' is not a redundancy mode; there is active-passive")
    assert isinstance(apply_wish(ConfigWish(servers="rlm9"), SET, CLUSTER), Misfit)


def test_the_difference_has_what_is_set_and_what_clients_get() -> None:
    before, after = ClientConfig(), ClientConfig(servers=(ONE, TWO, THREE))
    found = changes(
        (before, settings_for(CLUSTER, "rlm2", before)), (after, settings_for(CLUSTER, "rlm2", after))
    )
    listed = f"{TWO} {ONE} {THREE}"
    assert found == (
        Change(name="license servers", before="as the manifest has it", after=f"{ONE} {TWO} {THREE}"),
        Change(name="RLM_LICENSE", before=TWO, after=listed),
        Change(name="siemens_LICENSE", before=TWO, after=listed),
    )
    assert changes((before, None), (replace(before, follows=False), None)) == (
        Change(name="license failover", before="enabled", after="not enabled"),
    )
    assert config_words(before) == (
        "license servers as the manifest has it, license failover enabled, redundancy mode active-passive"
    )


@pytest.mark.parametrize(
    ("cluster", "config", "said"),
    [
        (replace(CLUSTER, client_settings=WRITTEN), ClientConfig(), []),
        (CLUSTER, ClientConfig(), ["the manifest names no clientSettings.files"]),
        (replace(CLUSTER, client_settings=WRITTEN), ClientConfig(servers=(LB,)), [f"{LB} is neither"]),
        (replace(CLUSTER, client_settings=WRITTEN), ClientConfig(servers=(ONE, TWO)), ["several servers"]),
        (
            replace(CLUSTER, client_settings=WRITTEN),
            ClientConfig(servers=(ONE,), follows=False),
            ["license failover is not enabled"],
        ),
        (replace(BEHIND, client_settings=WRITTEN), ClientConfig(servers=(LB,), follows=False), []),
        (
            replace(BEHIND, client_settings=WRITTEN),
            ClientConfig(servers=(ONE,)),
            ["what was set does not fit"],
        ),
    ],
)
def test_what_is_worth_knowing_is_said(cluster: object, config: ClientConfig, said: list[str]) -> None:
    assert isinstance(cluster, type(CLUSTER))
    found = list(remarks(cluster, "rlm1", config))
    assert [each[: len(start)] for each, start in zip(found, said, strict=True)] == said


def test_there_is_one_mode() -> None:
    assert list(RedundancyMode) == [RedundancyMode.ACTIVE_PASSIVE]
