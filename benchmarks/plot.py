"""Small SVGs: a growth as lines over a logarithmic x, ratios as bars. No library: small files, the same each time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.finding import Finding, Growth

_WIDTH: Final = 640
_HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 44, 48
_COLOURS: Final = ("#2166ac", "#b2182b", "#4d9221", "#762a83", "#b35806", "#555555")
_STYLE: Final = "font-family:sans-serif;font-size:12px;fill:#222"


def draw(growth: Growth) -> str:
    """The SVG's text. A growth without points gives empty axes."""
    points = [point for line in growth.series.values() for point in line]
    xs = sorted({x for x, _ in points}) or [1.0]
    low, high = math.log10(max(xs[0], 1e-9)), math.log10(max(xs[-1], 1e-9))
    top, step = _scale(max((y for _, y in points), default=1.0))

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(max(x, 1e-9)) - low) / (high - low) if high > low else 0.5
        across = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        return round(across, 1), round(_HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" style="{_STYLE}">',
        f"<title>{escape(growth.name)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for number in range(round(top / step) + 1):
        y = number * step
        _, down = place(xs[0], y)
        parts.append(f'<path d="M{_LEFT} {down}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{down + 4}" text-anchor="end">{_number(y)}</text>')
    for x in xs:
        across, down = place(x, 0)
        parts.append(f'<text x="{across}" y="{down + 16}" text-anchor="middle">{_number(x)}</text>')
    parts.append(f'<text x="{_WIDTH // 2}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(growth.x_label)}</text>')
    parts.append(
        f'<text x="14" y="{_HEIGHT // 2}" text-anchor="middle" transform="rotate(-90 14 {_HEIGHT // 2})">'
        f"{escape(growth.y_label)}</text>"
    )
    for number, (name, line) in enumerate(growth.series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [place(x, y) for x, y in line]
        path = "M" + "L".join(f"{x} {y}" for x, y in placed)
        if len(placed) > 1:
            parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in placed]
        along = _LEFT + number * (_WIDTH - _LEFT) // max(len(growth.series), 1)
        parts.append(f'<rect x="{along}" y="14" width="12" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{along + 16}" y="20">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def bars(title: str, findings: Sequence[Finding]) -> str:
    """Ratios as bars from 1×, on a logarithmic scale, in the findings' order; what is no ratio is left out."""
    shown = [(one.path.replace("`", "").replace("**", ""), one.figure) for one in findings if one.ratio and one.figure]
    most = max((figure for _, figure in shown), default=1.0)
    least = min((figure for _, figure in shown), default=1.0)
    low, high = math.log10(min(least, 1.0) / 1.2), math.log10(max(most, 1.0) * 1.2)
    begin, end, height = 300, _WIDTH - 60, 40 + 24 * len(shown) + 10

    def across(figure: float) -> float:
        return round(begin + (math.log10(figure) - low) / (high - low) * (end - begin), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" style="{_STYLE}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="20">{escape(title)}</text>',
    ]
    for number, (name, figure) in enumerate(shown):
        down = 40 + 24 * number
        left, right = sorted((across(1.0), across(figure)))
        colour = _COLOURS[0] if name.startswith("atlas-otel") else "#888"
        parts.append(f'<text x="{begin - 8}" y="{down + 11}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="{left}" y="{down}" width="{round(right - left, 1)}" height="14" fill="{colour}"/>')
        parts.append(f'<text x="{right + 4}" y="{down + 11}">{figure:.3g}×</text>')
    parts.append(f'<path d="M{across(1.0)} 32V{height - 6}" stroke="#222"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _scale(most: float) -> tuple[float, float]:
    """The end of the y axis and the distance of its lines: round numbers, four to eight of them."""
    most = most if most > 1e-300 else 1.0  # below, the fractions of it are no numbers any more
    size = 10 ** math.floor(math.log10(most))
    step = next(size * share for share in (0.2, 0.25, 0.5, 1, 2) if most / (size * share) <= 8)
    return step * math.ceil(most / step), step


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1_000:g}k" if value >= 10_000 else f"{round(value, 4):g}"
