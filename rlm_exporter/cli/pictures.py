"""Draws a feature's usage with matplotlib, without a display: over time, by hour and weekday, by seats."""

import io
import warnings
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from rlm_exporter.cli.picture_data import (
    WEEKDAYS,
    all_shares,
    by_hour_and_weekday,
    ceiling,
    file_names,
    whole_days,
)
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.usage_answers import ProfileAnswer

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError as missing:
    raise click.ClickException(
        "pictures need matplotlib: pip install '.[pictures]' in the clone, or matplotlib beside it"
    ) from missing

__all__ = ["draw_feature", "file_names", "prepare"]

USED, MOST, UNKNOWN = "#4878a8", "#1b3a57", "#e6e6e6"
_CEILING_LINE: dict[str, Any] = {"color": "#c0392b", "linewidth": 1.6, "linestyle": "--"}
MOST_BARS = 120
"""Seats that have a bar each; more are drawn as one outline."""

Draw = Callable[[Axes, ProfileAnswer], None]


def prepare(folder: Path) -> None:
    """Make the folder, or say why that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror}") from error


def draw_feature(profile: ProfileAnswer, *, folder: Path, stem: str, ending: str) -> tuple[Path, ...]:
    """Three pictures, whose files begin with `stem`."""
    pictures: tuple[tuple[str, Draw], ...] = (
        ("over-time", _over_time),
        ("by-hour", _by_hour),
        ("share-of-time", _share_of_time),
    )
    paths = []
    for word, draw in pictures:
        path = folder / f"{stem}-{word}.{ending}"
        try:
            path.write_bytes(_drawn(profile, draw, ending=ending))
        except OSError as error:
            raise click.ClickException(f"{path}: {error.strerror}") from error
        paths.append(path)
    return tuple(paths)


def _drawn(profile: ProfileAnswer, draw: Draw, *, ending: str) -> bytes:
    settings: Any = {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "rlm-ha",
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A name in letters that no font here has is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(10, 4.2), dpi=120, layout="constrained")
        draw(figure.subplots(), profile)
        out = io.BytesIO()
        # The same numbers give the same file.
        metadata = {"Date": None} if ending == "svg" else {"Software": None}
        figure.savefig(out, format=ending, metadata=metadata)
    return out.getvalue()


def _over_time(axes: Axes, profile: ProfileAnswer) -> None:
    hours = profile.hours
    # A step ends where the next one begins; the last one ends with the time.
    at = _days(*(hour.at for hour in hours), profile.until)
    average, peak = [hour.average for hour in hours], [hour.peak for hour in hours]
    known = [hour.seats for hour in hours if hour.seats is not None]
    axes.fill_between(
        at,
        [*average, average[-1]],
        step="post",
        color=USED,
        alpha=0.55,
        linewidth=0,
        label="average of the hour",
    )
    axes.step(at, [*peak, peak[-1]], where="post", color=MOST, linewidth=0.9, label="most at once")
    if known:
        seats = [float("nan") if hour.seats is None else float(hour.seats) for hour in hours]
        axes.step(at, [*seats, seats[-1]], where="post", label="seats", **_CEILING_LINE)
    axes.set_xlim(at[0], at[-1])
    axes.set_ylim(bottom=0, top=1.08 * max([1, *peak, *known]))
    _name_days(axes, profile)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    _lay_out(axes, across="", up="seats in use")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.1), ncols=3, frameon=False)
    _name(axes, profile, "seats in use")


def _days(*moments: datetime) -> list[float]:
    """As matplotlib counts them."""
    return [float(each) for each in date2num(moments)]  # type: ignore[no-untyped-call]  # untyped there


def _name_days(axes: Axes, profile: ProfileAnswer) -> None:
    zone = _zone(profile)
    locator = AutoDateLocator(tz=zone, minticks=4, maxticks=12)  # type: ignore[no-untyped-call]  # untyped there
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, tz=zone, show_offset=False)  # type: ignore[no-untyped-call]  # untyped there
    )


def _by_hour(axes: Axes, profile: ProfileAnswer) -> None:
    grid = by_hour_and_weekday(profile.hours)
    values = [[float("nan") if each is None else each for each in day] for day in grid]
    top = max([each for day in grid for each in day if each is not None], default=0.0)
    limit = ceiling(profile.hours)
    colours: Colormap = mpl.colormaps["YlGnBu"].with_extremes(bad=UNKNOWN)
    # Up to the ceiling, so that a feature that nobody needs does not look busy.
    image = axes.imshow(values, cmap=colours, aspect="auto", vmin=0, vmax=max(top, limit or 0, 1))
    axes.set_yticks(range(7), [day[:3] for day in WEEKDAYS])
    axes.set_xticks(range(0, 24, 2), [f"{hour:02}" for hour in range(0, 24, 2)])
    axes.set_xlabel(f"hour of the day, {profile.timezone}")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    figure = axes.figure
    figure.colorbar(image, ax=axes, label="average in use", pad=0.02)
    days = whole_days(profile.hours)
    _name(
        axes,
        profile,
        "average in use by hour and weekday" + ("" if days >= 6.9 else "; grey: not in this time"),
    )


def _share_of_time(axes: Axes, profile: ProfileAnswer) -> None:
    shares = all_shares(profile.shares)
    if len(shares.in_use) <= MOST_BARS:
        axes.bar(shares.in_use, shares.exactly, width=0.85, color=USED, alpha=0.75, label="exactly so many")
    else:
        axes.fill_between(
            shares.in_use,
            shares.exactly,
            step="mid",
            color=USED,
            alpha=0.75,
            linewidth=0,
            label="exactly so many",
        )
    axes.step(shares.in_use, shares.at_least, where="mid", color=MOST, linewidth=1.4, label="so many or more")
    limit = ceiling(profile.hours)
    if limit is not None:
        axes.axvline(limit, label="seats", **_CEILING_LINE)
    axes.set_xlim(-0.6, max(shares.in_use[-1], limit or 0) + 0.6)
    axes.set_ylim(0, 102)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=16))
    _lay_out(axes, across="seats in use", up="% of the time")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), ncols=3, frameon=False)
    _name(axes, profile, "for how much of the time how many seats were in use")


def _lay_out(axes: Axes, *, across: str, up: str) -> None:
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(across)
    axes.set_ylabel(up)


def _name(axes: Axes, profile: ProfileAnswer, what: str) -> None:
    zone = _zone(profile)
    first, last = profile.since.astimezone(zone), profile.until.astimezone(zone)
    # A dollar sign in a name begins no formula.
    axes.set_title(
        f"{printable(profile.feature)}: {what}", loc="left", fontweight="bold", pad=20, parse_math=False
    )
    axes.text(
        0,
        1.02,
        f"{printable(profile.cluster)}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {profile.timezone}",
        transform=axes.transAxes,
        color="#666666",
        fontsize=9,
        parse_math=False,
    )


def _zone(profile: ProfileAnswer) -> tzinfo | None:
    """The daemon's zone; where this machine does not know it, the offset with which the time begins."""
    try:
        return ZoneInfo(profile.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return profile.hours[0].at.tzinfo
