"""A dashboard as one HTML page, laid out as Grafana does: 24 columns, rows of 30 pixels (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from dev.dashboards.picture_panels import Room
from dev.dashboards.picture_questions import Document

WIDTH = 1440
COLUMNS, ROW, GAP, MARGIN = 24, 30, 8, 16
HEADER = 92
"""Pixels above the first panel: Grafana's own bar, and the variables."""
TITLE = 32
PADDING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A panel's place on the page, in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def room(self) -> Room:
        """What is left inside of it."""
        return Room(width=self.width - 2 * PADDING - 2, height=self.height - TITLE - PADDING - 2)


def box_of(place: Mapping[str, int]) -> Box:
    """From a panel's `gridPos`."""
    column = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    return Box(
        left=MARGIN + place["x"] * (column + GAP),
        top=HEADER + place["y"] * (ROW + GAP),
        width=place["w"] * column + (place["w"] - 1) * GAP,
        height=place["h"] * ROW + (place["h"] - 1) * GAP,
    )


def height_of(dashboard: Document) -> int:
    """Of the whole page."""
    boxes = [box_of(panel["gridPos"]) for panel in dashboard["panels"]]
    return round(max(box.top + box.height for box in boxes)) + MARGIN


def page(dashboard: Document, bodies: Mapping[int, str], shown: Mapping[str, str], *, time: str) -> str:
    """The page; `bodies` has what is inside of each panel by the panel's id."""
    panels = "".join(
        _heading(panel) if panel["type"] == "row" else _panel(panel, bodies[panel["id"]])
        for panel in dashboard["panels"]
    )
    choices = "".join(f"<span><b>{escape(label)}</b>{escape(value)}</span>" for label, value in shown.items())
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(dashboard["title"])}</title>'
        f"<style>{_STYLE}</style><header>{escape(dashboard['title'])}<i>{escape(time)}</i></header>"
        f"<nav>{choices}</nav>{panels}<script>{_FIND_WHAT_IS_CUT}</script>"
    )


def _heading(panel: Document) -> str:
    return f'<h2 style="{_placed(box_of(panel["gridPos"]))}">⌄ {escape(panel["title"])}</h2>'


def _panel(panel: Document, body: str) -> str:
    own_time = f"<em>Last {escape(_words(panel['timeFrom']))}</em>" if "timeFrom" in panel else ""
    return (
        f'<section style="{_placed(box_of(panel["gridPos"]))}">'
        f'<h3><span class="fits">{escape(panel["title"])}</span>{own_time}</h3>'
        f'<div class="body">{body}</div></section>'
    )


def _words(time: str) -> str:
    return f"{time[:-1]} {_NAMES[time[-1]]}"


_NAMES = {"h": "hours", "d": "days"}


def _placed(box: Box) -> str:
    return f"left:{box.left:.1f}px;top:{box.top:.1f}px;width:{box.width:.1f}px;height:{box.height:.1f}px"


_STYLE = f"""
*{{box-sizing:border-box;margin:0}}
body{{background:#111217;color:#ccccdc;width:{WIDTH}px}}
body{{font:14px Inter,Roboto,Liberation Sans,DejaVu Sans,sans-serif}}
header{{position:absolute;left:0;right:0;height:40px;padding:10px 16px;background:#181b1f;font-weight:500}}
header i{{position:absolute;right:16px;font-style:normal;color:#9fa7b3}}
nav{{position:absolute;top:48px;left:16px;height:32px}}
nav span{{display:inline-block;margin-right:12px;border:1px solid #2f3238;border-radius:2px;line-height:30px;
padding-right:10px}}
nav b{{font-weight:500;color:#9fa7b3;background:#181b1f}}
nav b{{padding:0 10px;margin-right:10px;display:inline-block}}
section,h2{{position:absolute}}
section{{background:#181b1f;border:1px solid #25272d;border-radius:2px}}
h2{{font-size:16px;font-weight:500;line-height:30px}}
h3{{font-size:14px;font-weight:500;height:{TITLE}px;line-height:{TITLE}px;padding:0 8px;display:flex}}
h3 em{{font-style:normal;font-weight:400;color:#6ea6f5;margin-left:8px;white-space:nowrap}}
.fits{{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}}
.body{{padding:0 {PADDING}px;overflow:hidden;height:calc(100% - {TITLE}px)}}
svg{{display:block}} svg text{{font-size:12px}}
.tiles{{display:flex;gap:4px}}
.tile{{display:flex;flex-direction:column;align-items:center;justify-content:center;border-radius:3px;
line-height:1.15;overflow:hidden}}
.bars{{display:flex;flex-direction:column;gap:10px;overflow:hidden;height:calc(100% - {PADDING}px)}}
.bar{{display:flex;align-items:center;flex:none}}
.bar span{{display:block}} .ground{{background:#22252b;height:100%}} .ground span{{height:100%}}
.legend{{font-size:12px;line-height:20px;overflow:hidden}}
.legend span{{display:inline-block;margin-right:12px;white-space:nowrap}}
.legend i{{display:inline-block;width:14px;height:4px;border-radius:2px}}
.legend i{{margin-right:5px;vertical-align:middle}}
.scale{{display:flex;align-items:center;gap:8px;font-size:12px;height:24px}}
.scale i{{width:220px;height:10px}}
table{{width:100%;border-collapse:collapse}} th{{text-align:left;color:#6ea6f5;font-weight:500}}
td,th{{height:36px;padding:0 6px;border-bottom:1px solid #25272d}}
.nothing{{height:100%;display:flex;align-items:center;justify-content:center;color:#9fa7b3;padding-bottom:{TITLE}px}}
"""

_FIND_WHAT_IS_CUT = """
const cut = [...document.querySelectorAll('.fits,.body,.legend,.tile,.bars,nav')].filter(
  each => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1);
const told = cut.map(each => each.className + ': ' + each.textContent.slice(0, 80));
document.body.dataset.cut = JSON.stringify(told);
"""
