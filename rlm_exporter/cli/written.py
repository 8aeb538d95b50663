"""Writes the files that `render` makes, where it was told to and nowhere else."""

from pathlib import Path

from rlm_exporter.errors import ConfigurationError
from rlm_exporter.render.whole_file import write_whole


def write_for_somebody(path: Path, text: str, *, mode: int = 0o644) -> None:
    """The old file or the new one is there at any moment. Raises ConfigurationError."""
    try:
        write_whole(path, text, mode=mode)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
