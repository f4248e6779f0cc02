"""What a program pays to import: `import atlas_otel` and a decorated module, beside `import opentelemetry.sdk.trace`.

Each round starts a fresh process for each side, in turns, on warm byte code. The time is taken inside of the process,
around the import alone. What a decorated program loads before anything asks for it is listed by name. Where
`PYTHONDONTWRITEBYTECODE` is set, it is not for those processes: each would compile a checkout anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.finding import Finding
from benchmarks.measuring import ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.options import Options

_MUST_WAIT: Final = ("grpc", "psycopg", "pydantic", "asyncio", "rich", "typer", "httpx", "uvicorn", "pydantic_ai")
_DECORATED: Final = """
import atlas_otel as atlas
@atlas.tool
def search(query): return [query]
@atlas.session
async def answer(question): return search(question)
"""
_SIDES: Final = {
    "ours": _DECORATED,
    "sdk": "import opentelemetry.sdk.trace",
    "api": "import opentelemetry.trace, opentelemetry.context",
}
_TIMED: Final = """
import sys
from time import perf_counter
start = perf_counter()
{code}
seconds = perf_counter() - start
print(seconds, *sorted({{name.partition(".")[0] for name in sys.modules}} & set({watched!r})))
"""


def measure(options: Options) -> Iterable[Finding]:
    """The ratio of import times, and what was loaded too early."""
    rounds = options.rounds * options.pick(2, 1)
    taken: dict[str, list[float]] = {side: [] for side in _SIDES}
    early: set[str] = set()
    for number in range(-2, rounds):
        names = list(_SIDES)
        first = number % len(names)
        for side in names[first:] + names[:first]:
            seconds, loaded = _fresh(_SIDES[side])
            if number >= 0:
                taken[side].append(seconds)
            if side == "ours":
                early |= loaded
    checked = f"each of {rounds} processes decorated two functions"
    yield Finding(
        "`import atlas_otel` and a decorated module",
        "`import opentelemetry.sdk.trace`",
        1.3,
        ratio(taken["ours"], taken["sdk"]),
        checked=checked,
    )
    yield Finding(
        "the same",
        "`import opentelemetry.trace` (the API alone)",
        None,
        ratio(taken["ours"], taken["api"]),
        checked=checked,
    )
    yield Finding(
        f"of {', '.join(_MUST_WAIT)}: loaded by a decorated module",
        "",
        0,
        value=float(len(early)),
        unit="modules",
        checked="`sys.modules` of every process",
        note=f"loaded: {', '.join(sorted(early))}" if early else "",
    )


def _fresh(code: str) -> tuple[float, set[str]]:
    """Seconds that the code took in a process of its own, and which of the watched modules it loaded."""
    program = _TIMED.format(code=code, watched=_MUST_WAIT)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    seconds, *loaded = done.stdout.split()
    return float(seconds), set(loaded)
