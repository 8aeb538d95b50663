"""`make dashboard-pictures`: draws both dashboards with data that a real Prometheus has seen.

This is our own drawing of what the dashboards' JSON says, by Grafana's rules as far as they use them; Grafana
itself takes no part.
"""

import argparse
import html
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from dev.dashboards.__main__ import FOLDER
from dev.dashboards.picture_answers import Answers, Story, prometheus_on, read_story
from dev.dashboards.picture_drawing import draw
from dev.dashboards.picture_graphs import notes_of
from dev.dashboards.picture_page import WIDTH, box_of, height_of, page
from dev.dashboards.picture_questions import Document, span_of
from dev.dashboards.picture_stage import play
from dev.steps import SetupError, run, say
from rlm_exporter.errors import RlmExporterError

ROOT = FOLDER.parent
KEPT = ROOT / ".cache" / "dashboard-pictures"
PICTURES = ROOT / "docs" / "pictures"
LARGEST = 300_000
"""Bytes: a repository keeps every version of a picture for good."""
TONES, SPREAD = 256, 120
"""Of how many tones a picture is made up, in a third of the bytes, and how many of them are rare."""
_CUT = re.compile(r'data-cut="([^"]*)"')


def main(arguments: Sequence[str]) -> int:
    """1 where a picture could not be made, or something in it is cut off."""
    parser = argparse.ArgumentParser(prog="dashboard-pictures")
    parser.add_argument("--again", action="store_true", help="with what was seen the last time")
    given = parser.parse_args(arguments)
    try:
        if not given.again:
            play(KEPT)
        return _draw_all()
    except (SetupError, RlmExporterError, OSError) as error:
        print(f"dashboard-pictures: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _draw_all() -> int:
    story = read_story(KEPT)
    PICTURES.mkdir(exist_ok=True)
    wrong = 0
    with prometheus_on(KEPT, story) as answers:
        for path in sorted(FOLDER.glob("*.json")):
            dashboard = json.loads(path.read_text(encoding="utf-8"))
            picture = PICTURES / f"dashboard-{path.stem.removeprefix('rlm-')}.png"
            found = _photograph(_page(dashboard, answers, story), picture, height=height_of(dashboard))
            size = picture.stat().st_size
            found += [f"{size} bytes, more than {LARGEST}"] if size > LARGEST else []
            say(f"{picture}: {size // 1000} kB" + "".join(f"\n  cut off: {each}" for each in found))
            wrong += len(found)
    return 1 if wrong else 0


def _page(dashboard: Document, answers: Answers, story: Story) -> str:
    values, shown = answers.chosen(dashboard, story)
    bodies = {
        panel["id"]: _body(dashboard, panel, answers, story, values)
        for panel in dashboard["panels"]
        if panel["type"] != "row"
    }
    minutes = round((story.ended - story.began) / 60)
    return page(dashboard, bodies, shown, time=f"Last {minutes} minutes · UTC")


def _body(
    dashboard: Document, panel: Document, answers: Answers, story: Story, values: Mapping[str, str]
) -> str:
    room = box_of(panel["gridPos"]).room
    span = span_of(panel, shown=story.ended - story.began, end=story.ended, width=room.width)
    found = answers.series(panel, values, span, now=story.ended)
    notes = notes_of(answers.notes(dashboard, values, span), span.step)
    return draw(panel, found, room=room, span=span, notes=notes)


def _photograph(text: str, picture: Path, *, height: int) -> list[str]:
    """Write the picture; what in it has no room."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SetupError("chromium is not on PATH: install your distribution's package, for this alone")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "page.html"
        file.write_text(text, encoding="utf-8")
        command = [
            chromium,
            *(
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-lcd-text",
                f"--user-data-dir={name}/user",
            ),
            f"--window-size={WIDTH},{height}",
        ]
        run([*command, f"--screenshot={picture}", file.as_uri()])
        seen = _CUT.search(run([*command, "--dump-dom", file.as_uri()]))
    _make_small(picture)
    if seen is None:
        raise SetupError("the page did not say what is cut off: its script has not run")
    cut: list[str] = json.loads(html.unescape(seen[1]))
    return cut


def _make_small(picture: Path) -> None:
    """Grounds keep their tones, being the most frequent; thin lines get the nearest of all others."""
    with Image.open(picture) as taken:
        whole = taken.convert("RGB")
    pixels = whole.tobytes()
    counted = Counter(zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True))
    frequent = [tone for tone, _ in counted.most_common(TONES - SPREAD)]
    spread = whole.quantize(SPREAD, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for tone in frequent for part in tone] + spread)
    whole.quantize(palette=palette, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
