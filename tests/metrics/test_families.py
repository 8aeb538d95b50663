"""The table keeps to Prometheus' conventions."""

import re

from rlm_exporter.metrics.families import FAMILIES, Kind

NAME = re.compile(r"(rlm_)?[a-z][a-z0-9_]*")


def test_no_name_stands_twice_in_either_format() -> None:
    for names in ([f.name for f in FAMILIES], [f.base_name for f in FAMILIES]):
        assert len(set(names)) == len(names)


def test_names_are_ours_and_plain() -> None:
    for family in FAMILIES:
        assert NAME.fullmatch(family.name)
        assert family.name.startswith("rlm_") or family.compatibility


def test_only_counters_end_in_total() -> None:
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)


def test_units_stand_in_the_name_and_are_base_units() -> None:
    for family in FAMILIES:
        assert bool(family.unit) == family.name.endswith("_seconds")
        assert family.unit in {"", "seconds"}


def test_no_family_has_a_user_or_a_host_of_a_client() -> None:
    labels = {label for family in FAMILIES for label in family.labels}

    assert not labels & {"user", "username", "client", "handle", "instance", "job", "le", "quantile"}


def test_every_help_is_a_sentence() -> None:
    for family in FAMILIES:
        assert family.help.endswith(".")
        assert "\n" not in family.help


def test_another_name_has_the_labels_of_what_it_repeats() -> None:
    by_name = {family.name: family for family in FAMILIES}
    others = [family for family in FAMILIES if family.same_as]

    assert others
    for family in others:
        assert family.compatibility
        assert (family.labels, family.kind) == (by_name[family.same_as].labels, by_name[family.same_as].kind)
