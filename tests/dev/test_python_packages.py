"""The lock file, and what of it pip is given before uv is there."""

from pathlib import Path

import pytest

from dev.python_packages import LOCK, locked
from dev.steps import SetupError

ROOT = Path(__file__).parents[2]

TEXT = """\
urllib3==2.0 \\
    --hash=sha256:00
    # via requests
uv==0.9 \\
    --hash=sha256:01 \\
    --hash=sha256:02
    # via rlm-ha-exporter (pyproject.toml:dev)
yarl==1.0 \\
    --hash=sha256:03
"""


def test_takes_the_pin_of_one_package_with_its_hashes() -> None:
    assert locked(TEXT, "uv") == "uv==0.9 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\n"


def test_says_that_a_lock_without_uv_is_not_ours() -> None:
    with pytest.raises(SetupError, match="does not pin uv"):
        locked("yarl==1.0 \\\n    --hash=sha256:03\n", "uv")


def test_the_lock_names_no_place() -> None:
    lock = (ROOT / LOCK).read_text()
    assert "--hash=sha256:" in locked(lock, "uv")
    assert "://" not in lock
    assert "index-url" not in lock
    assert "find-links" not in lock
