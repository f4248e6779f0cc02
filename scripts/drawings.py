"""The drawings of the documentation: docs/drawings/NAME.txt, a few lines of text, becomes docs/images/NAME.svg.

python scripts/drawings.py            say which drawings are not as their text says
python scripts/drawings.py --write    draw them

A text has one statement a line; blank lines and lines that begin with # do not count.

    title Words that say what is drawn, for who cannot see it
    box NAME COLUMN ROW KIND first line | second line     KIND: code, store, view or plain
    arrow FROM -> TO words beside it                      needs no words
    bar DEPTH START WIDTH KIND words                      one row a bar; START and WIDTH in hundredths of the drawing

The SVG takes the reader's colour scheme, and has no script, font or file of others in it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXTS, IMAGES = ROOT / "docs" / "drawings", ROOT / "docs" / "images"
COLUMN, ROW, BOX_WIDTH, BOX_HEIGHT, MARGIN = 236, 88, 172, 52, 16
BAR_ROW, BAR_HEIGHT, BAR_AREA = 34, 24, 760
KINDS = ("code", "store", "view", "plain")
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.small { font-size: 11.5px; fill: #52606d; }
.line { stroke: #7b8794; stroke-width: 1.5; fill: none; }
.tip { fill: #7b8794; }
rect { stroke-width: 1.2; }
.code { fill: #e3f2fd; stroke: #1976d2; } .store { fill: #fff3e0; stroke: #ef6c00; }
.view { fill: #e8f5e9; stroke: #388e3c; } .plain { fill: #f5f7fa; stroke: #9aa5b1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .small { fill: #b8c2cc; } .line { stroke: #9aa5b1; } .tip { fill: #9aa5b1; }
  .code { fill: #12314f; } .store { fill: #4a2d0c; } .view { fill: #163a1a; } .plain { fill: #2b333b; }
}
""".strip()


class Wrong(Exception):
    """A statement that cannot be drawn; the message says which and why."""


@dataclass(frozen=True)
class Box:
    """A box of the grid."""

    column: float
    row: float
    kind: str
    lines: list[str]

    @property
    def x(self) -> float:
        return MARGIN + self.column * COLUMN

    @property
    def y(self) -> float:
        return MARGIN + self.row * ROW

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + BOX_WIDTH / 2, self.y + BOX_HEIGHT / 2


@dataclass
class Drawing:
    """What a text says."""

    title: str = ""
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[tuple[str, str, str]] = field(default_factory=list)
    bars: list[tuple[int, float, float, str, str]] = field(default_factory=list)


def read(text: str) -> Drawing:
    """The drawing that ``text`` describes."""
    drawing = Drawing()
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.partition(" ")
        try:
            if not line.strip() or word.startswith("#"):
                continue
            if word == "title":
                drawing.title = rest
            elif word == "box":
                name, column, row, kind, words = rest.split(" ", 4)
                drawing.boxes[name] = Box(float(column), float(row), _kind(kind), [w.strip() for w in words.split("|")])
            elif word == "arrow":
                start, end_and_words = rest.split(" -> ", 1)
                end, _, words = end_and_words.partition(" ")
                drawing.arrows.append((_known(drawing, start), _known(drawing, end), words))
            elif word == "bar":
                depth, start, width, kind, words = rest.split(" ", 4)
                drawing.bars.append((int(depth), float(start), float(width), _kind(kind), words))
            else:
                raise Wrong("begins with no known word")
        except (ValueError, IndexError, Wrong) as error:
            raise Wrong(f"line {number}: {line!r}: {error}") from error
    if not drawing.title:
        raise Wrong("has no title")
    return drawing


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise Wrong(f"{kind} is none of {', '.join(KINDS)}")
    return kind


def _known(drawing: Drawing, name: str) -> str:
    if name not in drawing.boxes:
        raise Wrong(f"there is no box {name}")
    return name


def svg(drawing: Drawing) -> str:
    """The drawing as SVG."""
    parts, width, height = _bars(drawing) if drawing.bars else _grid(drawing)
    title = escape(drawing.title)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'role="img" aria-label="{title}">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def _grid(drawing: Drawing) -> tuple[list[str], float, float]:
    parts = [line for arrow in drawing.arrows for line in _arrow(drawing, *arrow)]
    for box in drawing.boxes.values():
        parts.append(_rect(box.x, box.y, BOX_WIDTH, BOX_HEIGHT, box.kind))
        for number, line in enumerate(box.lines):
            y = box.y + BOX_HEIGHT / 2 + 4.5 + 16 * (number - (len(box.lines) - 1) / 2)
            parts.append(_text(box.middle[0], y, line, "middle", "small" if number else ""))
    width = max(box.x for box in drawing.boxes.values()) + BOX_WIDTH + MARGIN
    height = max(box.y for box in drawing.boxes.values()) + BOX_HEIGHT + MARGIN
    return parts, width, height


def _arrow(drawing: Drawing, start: str, end: str, words: str) -> list[str]:
    one, other = drawing.boxes[start], drawing.boxes[end]
    (x1, y1), (x2, y2) = one.middle, other.middle
    if one.column == other.column:
        down = 1 if y2 > y1 else -1
        y1, y2 = y1 + down * BOX_HEIGHT / 2, y2 - down * BOX_HEIGHT / 2
        path, tip = f"M{x1:g} {y1:g} V{y2 - down * 6:g}", _tip(x2, y2, 0, down)
        label = _text(x1 + 8, (y1 + y2) / 2 + 4, words, "start", "small")
    else:
        right = 1 if x2 > x1 else -1
        x1, x2 = x1 + right * BOX_WIDTH / 2, x2 - right * BOX_WIDTH / 2
        bend = (x1 + x2) / 2 if abs(other.column - one.column) <= 1 else x2 - right * (COLUMN - BOX_WIDTH) / 2
        path = f"M{x1:g} {y1:g} H{bend:g} V{y2:g} H{x2 - right * 6:g}"
        tip = _tip(x2, y2, right, 0)
        label = _text((x1 + x2) / 2, min(y1, y2) - 7 if y1 == y2 else y2 - 7, words, "middle", "small")
    return [f'<path class="line" d="{path}"/>', tip, *([label] if words else [])]


def _tip(x: float, y: float, right: int, down: int) -> str:
    back_x, back_y = x - 9 * right, y - 9 * down
    a = f"{back_x - 4.5 * down:g},{back_y - 4.5 * right:g}"
    b = f"{back_x + 4.5 * down:g},{back_y + 4.5 * right:g}"
    return f'<polygon class="tip" points="{x:g},{y:g} {a} {b}"/>'


def _bars(drawing: Drawing) -> tuple[list[str], float, float]:
    parts = []
    for number, (depth, start, width, kind, words) in enumerate(drawing.bars):
        x = MARGIN + BAR_AREA * start / 100
        y = MARGIN + number * BAR_ROW
        parts.append(_rect(x, y, BAR_AREA * width / 100, BAR_HEIGHT, kind))
        parts.append(_text(x + 8, y + 16.5, words, "start", "small" if depth > 1 else ""))
    return parts, BAR_AREA + 2 * MARGIN, 2 * MARGIN + (len(drawing.bars) - 1) * BAR_ROW + BAR_HEIGHT


def _rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>'


def _text(x: float, y: float, words: str, anchor: str, style: str) -> str:
    shown = f' class="{style}"' if style else ""
    return f'<text{shown} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def main() -> None:
    stale = []
    for text in sorted(TEXTS.glob("*.txt")):
        try:
            drawn = svg(read(text.read_text("utf-8")))
        except Wrong as error:
            sys.exit(f"{text.relative_to(ROOT)}: {error}")
        image = IMAGES / f"{text.stem}.svg"
        if not image.exists() or image.read_text("utf-8") != drawn:
            stale.append(image.relative_to(ROOT))
            if "--write" in sys.argv:
                image.write_text(drawn, "utf-8")
    for image in stale:
        print(image)
    sys.exit(bool(stale) and "--write" not in sys.argv)


if __name__ == "__main__":
    main()
