"""What an operator set of the settings that clients get, in both databases."""

from dataclasses import replace

from rlm_exporter.store.client_config import WORD
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import ClientConfig
from tests.store.situations import CLUSTER, NOW, later

LIST = ClientConfig(servers=("5053@rlm2", "5053@[2001:db8::1]"), follows=False, set_by="ada", reason="new")


async def test_until_somebody_sets_something_all_is_the_manifests(journal: Journal) -> None:
    assert await journal.client_config(CLUSTER) == ClientConfig()


async def test_the_last_one_stands_and_each_is_in_the_history(journal: Journal) -> None:
    saved = await journal.set_client_config(CLUSTER, LIST, told="a list", now=NOW)
    assert await journal.client_config(CLUSTER) == saved == replace(LIST, set_at=NOW)
    again = await journal.set_client_config(CLUSTER, ClientConfig(set_by="bob"), told="none", now=later(5))
    assert await journal.client_config(CLUSTER) == again == ClientConfig(set_by="bob", set_at=later(5))
    assert await journal.client_config("lab") == ClientConfig()
    rows = await journal.held(CLUSTER)
    assert [(each.rule, each.trigger, each.detail) for each in rows] == [
        (WORD, "operator", "none"),
        (WORD, "operator", "a list"),
    ]
