"""A run's timeline and the runtimes of a series as SVG, readable on light and on dark pages."""

from __future__ import annotations

import html

from gateway.discovery_api.models import RuntimeSeries, Timeline, TimelineBar

_WIDTH, _LABELS, _MARGIN = 900, 60, 8
_LANE, _GAP = 18, 4
_HEIGHT = 160
_FRAME = 'font-family="system-ui,sans-serif" font-size="11" fill="currentColor" role="img"'
_BLUE, _ORANGE, _RED, _GREY = "#4c78a8", "#e8890c", "#d62839", "#8a8a8a"
_FAILED = frozenset({"failure"})


def timeline_svg(timeline: Timeline, title: str) -> str:
    """One bar for each executed resource, a row for each lane. Orange: on the observed chain; red: failed."""
    seconds = max(timeline.wall_seconds, 1e-9)
    scale = (_WIDTH - _LABELS - _MARGIN) / seconds
    height = timeline.lanes * (_LANE + _GAP) + 40
    bars = "".join(_bar(bar, scale) for bar in timeline.bars)
    lanes = "".join(
        f'<text x="0" y="{_lane_top(lane) + 13}">lane {lane}</text>' for lane in range(1, timeline.lanes + 1)
    )
    return _svg(height, title, f"{lanes}{bars}{_axis(seconds, height)}")


def _lane_top(lane: int) -> int:
    return 20 + (lane - 1) * (_LANE + _GAP)


def _bar(bar: TimelineBar, scale: float) -> str:
    x, y = _LABELS + bar.start_seconds * scale, _lane_top(bar.lane)
    colour = _RED if bar.result.status in _FAILED else _ORANGE if bar.on_observed_chain else _BLUE
    text = f"{bar.result.unique_id}: {bar.runtime:,.2f} s, {bar.result.status.value}"
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{max(bar.runtime * scale, 1):.1f}" height="{_LANE}" rx="2" fill="{colour}">'
        f"<title>{html.escape(text)}</title></rect>"
    )


def _axis(seconds: float, height: int) -> str:
    marks = (seconds * part / 4 for part in range(5))
    return "".join(
        f'<text x="{_LABELS + (_WIDTH - _LABELS - _MARGIN) * mark / seconds:.1f}" y="{height - 6}" '
        f'text-anchor="{"end" if mark == seconds else "middle" if mark else "start"}">{mark:,.1f} s</text>'
        for mark in marks
    )


def series_svg(series: RuntimeSeries, title: str) -> str:
    """A point for each run with a runtime, oldest left; grey points do not count. Lines are the medians of segments."""
    timed = [(place, point.runtime) for place, point in enumerate(series.points) if point.runtime is not None]
    if not timed:
        return _svg(40, title, '<text x="0" y="34">No run has a runtime.</text>')
    top = max(runtime for _, runtime in timed) or 1.0
    step = (_WIDTH - _LABELS - _MARGIN) / max(len(series.points) - 1, 1)

    def x(place: int) -> float:
        return _LABELS + place * step

    def y(runtime: float) -> float:
        return 24 + (_HEIGHT - 44) * (1 - runtime / top)

    points = "".join(
        f'<circle cx="{x(place):.1f}" cy="{y(runtime):.1f}" r="3" fill="{_colour(series, place)}">'
        f"<title>{html.escape(_label(series, place, runtime))}</title></circle>"
        for place, runtime in timed
    )
    segments = "".join(
        f'<line x1="{x(part.first_point):.1f}" x2="{x(part.last_point):.1f}" y1="{y(part.p50):.1f}" '
        f'y2="{y(part.p50):.1f}" stroke="{_ORANGE}" stroke-width="2"/>'
        for part in series.segments
    )
    scale = f'<text x="0" y="{y(top) + 4:.1f}">{top:,.1f} s</text><text x="0" y="{y(0) + 4:.1f}">0 s</text>'
    return _svg(_HEIGHT, title, f"{scale}{points}{segments}")


def _colour(series: RuntimeSeries, place: int) -> str:
    point = series.points[place]
    return _RED if point.status in _FAILED else _GREY if point.left_out else _BLUE


def _label(series: RuntimeSeries, place: int, runtime: float) -> str:
    point = series.points[place]
    began = f"{point.start_time:%Y-%m-%d %H:%M} UTC, " if point.start_time else ""
    reason = f", not counted: {point.left_out}" if point.left_out else ""
    return f"Run {point.run_id}: {began}{runtime:,.2f} s{reason}"


def _svg(height: int, title: str, parts: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="100%" '
        f'style="max-width:{_WIDTH}px" {_FRAME} aria-label="{html.escape(title, quote=True)}">'
        f'<text x="0" y="12">{html.escape(title)}</text>{parts}</svg>'
    )
