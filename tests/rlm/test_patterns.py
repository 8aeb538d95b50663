"""What our patterns may not be made of."""

import re
from pathlib import Path

import rlm_exporter

POSSESSIVE_GROUP = re.compile(r"\)(?:[?*+]|\{\{?[0-9,]+\}?\})\+")


def test_no_pattern_has_a_possessive_group() -> None:
    """Python before 3.11.5, so Debian 12's, goes on at a wrong place where such a group fails half-way.

    https://github.com/python/cpython/issues/106052. The atomic form `(?>(?:…)?)` means the same.
    """
    found = [
        f"{path.name}:{number}"
        for path in sorted(Path(rlm_exporter.__file__).parent.rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if POSSESSIVE_GROUP.search(line)
    ]
    assert found == []
