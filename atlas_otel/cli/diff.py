"""``atlas-otel diff``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atlas_otel.cli.options import AsJson, DatabaseUrl, command_app, print_json, the_database
from atlas_otel.console.colours import GREEN, GREY, ORANGE, RED
from atlas_otel.console.plain_text import clean

if TYPE_CHECKING:
    from atlas_otel.look.difference import Section

app = command_app()

_HELP: Final = "A session by any of its names, a step of it (SESSION@STEP), or an attempt (SESSION@STEP.ATTEMPT)."
_PIPE_WIDTH: Final = 160
_LINES: Final = 12  # of one line of a text, where it is wrapped
_STYLES: Final = {"=": GREY, "|": ORANGE, "<": RED, ">": GREEN}


@app.command()
def diff(
    left: Annotated[str, typer.Argument(metavar="A", help=_HELP)],
    right: Annotated[str, typer.Argument(metavar="B", help="What to compare with it, named likewise.")],
    database_url: DatabaseUrl = None,
    whole: Annotated[bool, typer.Option("--whole", help="Also what is the same on both sides.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show two sessions, or two attempts at a step, side by side: plan, messages, tools, outputs, rewards."""
    from atlas_otel.look.difference import compare, document, side
    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel.postgres.store import PostgresStore

    url = the_database(database_url)
    sides = [side(left), side(right)]
    with PostgresStore(url, migrate_schema=False) as store:
        documents = []
        for one in sides:
            (key,) = keys_of(url, [one.session])
            rows = store.rows(key)
            documents.append({} if rows is None else document(rows, one))
    sections = compare(*documents)
    if as_json:
        print_json([{"heading": s.heading, "same": s.same, "pairs": [p._asdict() for p in s.pairs]} for s in sections])
        return
    for section in sections:
        _print(section, whole=whole)
    if all(section.same for section in sections):
        typer.echo("no difference", err=True)


def _print(section: Section, *, whole: bool) -> None:
    if section.same and not (whole and section.pairs):
        return
    import shutil
    from itertools import zip_longest

    from rich.cells import cell_len

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((_PIPE_WIDTH, 24)).columns if terminal else _PIPE_WIDTH
    half = max(20, (width - 3) // 2)
    typer.echo(typer.style(section.heading, bold=True) if terminal else section.heading)
    for pair in section.pairs:
        if pair.mark == "=" and not whole:
            continue
        for left, right in zip_longest(_wrapped(pair.left, half), _wrapped(pair.right, half), fillvalue=""):
            line = f"{left}{' ' * (half - cell_len(left))} {pair.mark} {right}".rstrip()
            typer.echo(_styled(line, pair.mark) if terminal else line)
    typer.echo()


def _wrapped(text: str | None, width: int) -> list[str]:
    """``text`` in lines of ``width`` cells, at most :data:`_LINES` of them."""
    from rich.cells import chop_cells

    if text is None:
        return []
    lines = chop_cells(clean(text).expandtabs(4), width) or [""]
    return lines if len(lines) <= _LINES else [*lines[: _LINES - 1], "…"]


def _styled(line: str, mark: str) -> str:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(Text(line, style=_STYLES[mark]), end="", soft_wrap=True)
    return capture.get()
