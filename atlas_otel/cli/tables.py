"""Tables on standard output: as wide as the terminal, in colour there; plain and whole in a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from atlas_otel.cli.text import short
from atlas_otel.console.colours import GREEN, ORANGE, RED

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIPE_WIDTH: Final = 100_000  # characters: whoever reads a pipe cuts lines himself
_GAP: Final = 2
_SHORTEST: Final = 16  # characters of a column that may be cut
_STYLES: Final = {
    "succeeded": GREEN,
    "approved": GREEN,
    "failed": f"bold {RED}",
    "quarantined": RED,
    "running": ORANGE,
    "pending": ORANGE,
}


class Column(NamedTuple):
    """A column: its heading, numbers to the right.

    Where the terminal is narrow, ``optional`` columns are left out, the last first, and ``cut`` ones are shortened.
    """

    heading: str
    right: bool = False
    cut: bool = False
    optional: bool = False


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print ``rows`` under headings. Texts are shown as they are: no markup, no control characters."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, markup=False, highlight=False, width=None if terminal else _PIPE_WIDTH)
    widths = column_widths(columns, rows, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for index, width in widths.items():
        column = columns[index]
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.heading, justify=justify, no_wrap=True, overflow="ellipsis", width=width)
    for row in rows:
        table.add_row(*(Text(row[index], style=_STYLES.get(row[index], "")) for index in widths))
    if terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))  # noqa: T201


def column_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> dict[int, int]:
    """The columns that fit into ``room`` cells, by index, each with its width."""
    widths = {index: _width(column, rows, index) for index, column in enumerate(columns)}
    least = {index: min(width, _SHORTEST) if columns[index].cut else width for index, width in widths.items()}
    for index in reversed([index for index, column in enumerate(columns) if column.optional]):
        if sum(least.values()) + _GAP * len(least) <= room:
            break
        del widths[index], least[index]
    cut = sorted((index for index in widths if columns[index].cut), key=widths.__getitem__)
    left = room - _GAP * len(widths) - sum(width for index, width in widths.items() if index not in cut)
    for index in cut:  # the narrowest takes what it needs; what is left is shared by the others
        widths[index] = max(min(widths[index], left // (len(cut) - cut.index(index))), least[index])
        left -= widths[index]
    return widths


def _width(column: Column, rows: Sequence[Sequence[str]], index: int) -> int:
    from rich.cells import cell_len

    return max(len(column.heading), *(cell_len(row[index]) for row in rows))


def print_bars(labels: Sequence[str], values: Sequence[float | None], *, heading: str) -> None:
    """Print one bar for each value, the longest as wide as the terminal lets it be."""
    import shutil

    print(heading)  # noqa: T201
    longest = max((len(label) for label in labels), default=0)
    room = max(10, min(100, shutil.get_terminal_size((100, 24)).columns - longest - 12))
    most = max((abs(value) for value in values if value is not None), default=0.0)
    for label, value in zip(labels, values, strict=True):
        print(f"{label:<{longest}}  {_bar(value, most, room)} {_amount(value)}")  # noqa: T201


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separated; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def dollars(value: float | None) -> str:
    """US dollars, with as many digits as a small sum needs."""
    if value is None:
        return "-"
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}" if value >= 0.01 else f"${value:.6f}"


def seconds(value: float | None) -> str:
    """A duration: milliseconds below a second, minutes above two."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def name(text: str | None, longest: int = 60) -> str:
    """A name in one line. Where it is cut, its end stays: that is where names differ."""
    whole = short(text, 10_000)
    return whole if len(whole) <= longest else f"{whole[: longest - 13]}…{whole[-12:]}"


def _bar(value: float | None, most: float, room: int) -> str:
    if not value or not most:
        return ""
    whole, eighths = divmod(int(abs(value) / most * room * 8 + 0.5), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()


def _amount(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
