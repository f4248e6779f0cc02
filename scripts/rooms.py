"""The table of rooms in docs/architecture.md, from the first sentence of each room's ``__init__``.

python scripts/rooms.py            print it
python scripts/rooms.py --write    put it into docs/architecture.md
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: written by scripts/rooms.py -->", "<!-- end of rooms -->"


def rooms() -> dict[str, str]:
    """Each room, with what it is."""
    found = {}
    for file in sorted([*ROOT.glob("atlas_otel/*/__init__.py"), ROOT / "exporters/atlas_otel_exporters/__init__.py"]):
        said = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        first = " ".join(said.split("\n\n", 1)[0].split())
        name = file.parent.relative_to(ROOT).as_posix().removeprefix("atlas_otel/")
        found[name] = first.replace("``", "`")
    return found


def table() -> str:
    """The rooms as Markdown."""
    return "\n".join(
        ["| room | what it is |", "|---|---|", *(f"| `{name}/` | {said} |" for name, said in rooms().items())]
    )


def main() -> None:
    print(table())
    if "--write" in sys.argv:
        head, rest = DOCS.read_text("utf-8").split(BEGIN)
        DOCS.write_text(f"{head}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}", "utf-8")


if __name__ == "__main__":
    main()
