"""The rules and example configurations that are shipped with the program."""

from importlib import resources
from pathlib import Path
from typing import Any


def rules_folder() -> Path:
    """In an installed package beside its code, in a clone at its top."""
    installed = Path(str(resources.files("rlm_exporter"))) / "bundle" / "rules"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "rules"


def rule_files() -> tuple[Path, ...]:
    """What Prometheus loads; the rest of the folder are examples."""
    return tuple(sorted(path for path in rules_folder().glob("*.yml") if "example" not in path.name))


def example(name: str) -> dict[str, Any]:
    """`prometheus` or `alertmanager`, as values."""
    import yaml  # noqa: PLC0415 - takes a while to load, and few commands need it

    text = (rules_folder() / f"{name}.example.yml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document
