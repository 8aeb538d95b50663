"""Every document can be told, whatever the names of files are made of."""

import orjson

from rlm_exporter.server.json_text import json_bytes


def test_what_is_text_is_told_as_it_is() -> None:
    document = {"a": ["ä", {"b": None}], "c": 1.5}

    assert json_bytes(document) == orjson.dumps(document)


def test_a_name_of_other_bytes_is_shown_as_good_as_it_can_be() -> None:
    name = b"old\xff.lic".decode("utf-8", "surrogateescape")

    assert orjson.loads(json_bytes({"files": ({"name": name}, name), name: 1})) == {
        "files": [{"name": "old\ufffd.lic"}, "old\ufffd.lic"],
        "old\ufffd.lic": 1,
    }
