"""Writes the dashboards: `python -m dev.dashboards`."""

from pathlib import Path

from dev.dashboards import high_availability, licenses
from dev.dashboards.document import text

FOLDER = Path(__file__).parents[2] / "dashboards"


def dashboards() -> dict[str, str]:
    """The text of each file by its name."""
    made = (high_availability.dashboard(), licenses.dashboard())
    return {f"{each.uid}.json": text(each) for each in made}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in dashboards().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
        print(FOLDER / name)
