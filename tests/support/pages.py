"""The documentation as programs: a page's fenced blocks, and what it takes to run them in order.

What a page can say of a block, in an HTML comment on the line before its fence:

- ``<!-- not run: WHY -->``: nothing runs it, for this reason;
- ``<!-- run by: tests/…/test_x.py -->``: another test does.

A comment that begins with ``<!-- setup`` holds Python that readers do not see, such as sessions for the commands below
it to find. A Python block whose first line is ``# name.py`` is a file, for a command below it to run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
SHELLS: Final = ("sh", "bash")
RUN: Final = ("python", *SHELLS)
SHOWN: Final = ("text", "json", "yaml", "sql", "typescript", "{toctree}", "{eval-rst}")
"""Languages that are not run; a block without any language is text."""
INSTALLS: Final = ("pip install ", "npm install ", ".venv/bin/pip install ", "git clone ", "cd ")
"""Lines of a shell block that are left out: they need a network, and the test's own environment stands in for them."""


class Block(NamedTuple):
    """One fenced block."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None = None
    run_by: str | None = None

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether ``run_page.py`` runs it."""
        return self.language in (*RUN, "setup") and self.not_run is None and self.run_by is None


def pages() -> list[str]:
    """Every page, as paths from the root."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    found += [*(ROOT / "examples").rglob("*.md"), *(ROOT / "collector").rglob("*.md")]
    return sorted(str(page.relative_to(ROOT)) for page in found if "node_modules" not in page.parts)


_PART: Final = re.compile(
    r"^(?:<!-- (?P<mark>not run|run by): (?P<said>[^\n]+?) -->\n+)?"
    r"(?P<fence>```+)(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=fence)$"
    r"|^<!-- setup\n(?P<setup>.*?)^-->$",
    flags=re.MULTILINE | re.DOTALL,
)


def blocks(page: str) -> list[Block]:
    """The blocks of ``page``, in order."""
    whole = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for part in _PART.finditer(whole):
        line = whole.count("\n", 0, part.start()) + 1
        if part["setup"] is not None:
            found.append(Block(page, line, "setup", part["setup"]))
            continue
        said = {part["mark"]: part["said"]}
        language = part["language"].strip() or "text"
        found.append(Block(page, line, language, part["text"], said.get("not run"), said.get("run by")))
    return found


def plan(page: str, database_url: str) -> list[tuple[str, str, str]]:
    """What ``run_page.py`` does for the page, in order: (how, where, text).

    ``python``: in one namespace for the whole page; ``shell``; ``setup``: Python in a process of its own;
    ``file NAME``: write it there. ``embedded`` is replaced by ``database_url``.
    """
    steps = []
    for block in blocks(page):
        if not block.runs:
            continue
        text = block.text.replace('database_url="embedded"', f"database_url={database_url!r}")
        named = re.match(r"# ([\w/]+\.py)\n", text)
        if block.language in SHELLS:
            steps.append(("shell", block.where, _shell(text)))
        elif named is not None:
            steps.append((f"file {named[1]}", block.where, text))
        else:
            steps.append((block.language, block.where, text))
    return steps


def _shell(text: str) -> str:
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(INSTALLS))
    # The database is the one that ATLAS_OTEL_DATABASE_URL names.
    kept = re.sub(r"^export ATLAS_OTEL_DATABASE_URL=.*$", "", kept, flags=re.MULTILINE)
    return re.sub(r" ?--database-url[ =]\S+", "", kept)


def run_page(page: str, database_url: str, tmp_path: Path) -> Path:
    """Run ``page`` from top to bottom, with a home of its own; the folder where it ran."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (work / "plan.json").write_text(json.dumps(plan(page, database_url)), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ATLAS_"))}
    environment = {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_EXIT_TIMEOUT_S": "30",
    }
    command = [sys.executable, "-W", "error", str(ROOT / "tests" / "support" / "run_page.py"), "plan.json"]
    done = subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{page}: the block named last failed\n{done.stdout}\n{done.stderr}"
    return work


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Every ``atlas-otel …`` that the page shows, in blocks and in running text, as words; and where it stands."""
    whole = (ROOT / page).read_text(encoding="utf-8")
    inline = [code for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", whole) if code.startswith("atlas-otel ")]
    found = [(page, code) for code in inline]
    for block in blocks(page):
        if block.language in SHELLS:
            joined = block.text.replace("\\\n", " ")
            shown = re.findall(r"(?:^|[|&;(]\s*|bin/)(atlas-otel [^|&;\n]*)", joined, flags=re.MULTILINE)
            found += [(block.where, code) for code in shown]
    return [(where, _words(code)) for where, code in found]


def _words(code: str) -> list[str]:
    lexer = shlex.shlex(code.replace("…", " "), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        return list(lexer)[1:]
    except ValueError:  # an apostrophe in a placeholder
        return code.split()[1:]
