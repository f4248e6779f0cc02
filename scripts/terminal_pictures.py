"""Pictures of the terminal for the docs: real commands over a small real database, drawn as SVG.

python scripts/terminal_pictures.py            into docs/images
python scripts/terminal_pictures.py --print    only what the commands print, at 80 and 160 columns
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "images"
THEMES: Final = {"dark": SVG_EXPORT_THEME, "light": DEFAULT_TERMINAL_THEME}
WIDTHS: Final = (80, 160)
COLUMNS: Final = 100
"""Of the pictures."""

AGENT: Final = """
import contextlib, sys
import atlas_otel as atlas

telemetry = atlas.configure("helpdesk", console="--watch" in sys.argv)
NOTES = {"printer": "Printers on floor 3 lost their queue after the update.", "vpn": "VPN needs version 5."}

@atlas.tool
def search_notes(query: str) -> str:
    if query not in NOTES:
        raise LookupError(f"no note about {query!r}")
    return NOTES[query]

@atlas.llm(model="gpt-4o-mini", provider="openai")
def complete(messages: list) -> dict:
    text = "Clear the queue of the printer on floor 3, then print again."
    usage = {"prompt_tokens": 412, "completion_tokens": 38}
    return {"model": "gpt-4o-mini", "choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}

@atlas.session(name="helpdesk", metadata={"tenant": "acme", "learning_key": "helpdesk"})
def answer(question: str, subject: str) -> str:
    atlas.set_plan(["Find what is known", "Write the answer"])
    for attempt in (1, 2):
        with atlas.step("Find what is known", id=1) as step:
            with contextlib.suppress(LookupError):
                search_notes(subject if attempt == 2 else "printers")
            step.output = NOTES.get(subject, "nothing") if attempt == 2 else "nothing"
            atlas.set_validation(attempt == 2, reason="names the floor" if attempt == 2 else "no note was found")
            if attempt == 1:
                atlas.add_guidance("Search for the device in the singular.")
    with atlas.step("Write the answer", id=2) as step:
        reply = complete([{"role": "user", "content": question}])
        step.output = reply["choices"][0]["message"]["content"]
    if subject == "fax":
        raise RuntimeError("nobody has a fax")
    atlas.record_reward(0.9, rationale="It names the floor and the remedy.", primary=True)
    return step.output

for question, subject in (
    ("Why does the VPN not connect?", "vpn"),
    ("Where is the fax?", "fax"),
    ("The printer is stuck. What now?", "printer"),
):
    with contextlib.suppress(RuntimeError):
        answer(question, subject)
telemetry.shutdown(30)
"""

COMMANDS: Final = {
    "sessions-list": ["sessions", "list"],
    "sessions-show": ["sessions", "show", "3"],
    "sessions-show-failed": ["sessions", "show", "2"],
    "review-show": ["review", "show", "3"],
    "stats": ["stats", "--by", "agent"],
    "stats-failures": ["stats", "--failures"],
    "diff": ["diff", "3@1.1", "3@1.2"],
}
DRAWN: Final = ("sessions-show",)


def main() -> None:
    """Draw, or print."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # the server may be at its end still
        os.chmod(folder, 0o755)  # noqa: PTH101 — as root, the server is somebody else
        program = Path(folder) / "helpdesk.py"
        program.write_text(AGENT)
        env = {key: value for key, value in os.environ.items() if not key.startswith(("ATLAS_", "OTEL_"))}
        env |= {"ATLAS_OTEL_DATABASE_URL": f"embedded:{folder}/database", "ATLAS_OTEL_SPOOL_DIR": f"{folder}/spool"}
        subprocess.run([sys.executable, program], env=env, check=True, stderr=subprocess.DEVNULL)
        shown = {name: [sys.executable, "-m", "atlas_otel", *command] for name, command in COMMANDS.items()}
        if "--print" in sys.argv:
            for name, command in {**shown, "live": [sys.executable, str(program), "--watch"]}.items():
                for width in WIDTHS:
                    print(f"\n===== {name}, {width} columns\n{_at_a_terminal(command, env, width)}", flush=True)
            return
        for name in DRAWN:
            _draw(name, _at_a_terminal(shown[name], env, COLUMNS))
        _draw("live-console", _at_a_terminal([sys.executable, str(program), "--watch"], env, COLUMNS))


def _at_a_terminal(command: list[str], env: dict[str, str], width: int) -> str:
    """What a command writes to a terminal, with its colours."""
    parent, child = pty.openpty()
    sized = {**env, "COLUMNS": str(width), "LINES": "60", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    running = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=sized)
    os.close(child)
    written = b""
    try:
        while piece := os.read(parent, 65_536):
            written += piece
    except OSError:  # the other end is closed
        pass
    running.wait()
    os.close(parent)
    return written.decode().replace("\r\n", "\n").rstrip()


def _draw(name: str, written: str) -> None:
    for theme, colours in THEMES.items():
        (IMAGES / f"terminal-{name}-{theme}.svg").write_text(_svg(written, name, colours))


def _svg(written: str, name: str, theme: TerminalTheme) -> str:
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(written), soft_wrap=True)
        drawn = console.export_svg(title=f"atlas-otel: {name.replace('-', ' ')}", theme=theme, unique_id=name)
    # The page's own fixed-width font: a picture loads nothing from elsewhere.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    main()
