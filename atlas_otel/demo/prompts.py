"""What the analyst asks its model: one job a message, in labelled sections that a model and a rule can both read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Job = Literal["plan", "query", "control", "answer"]

PHASES: Final = ("inspect", "query", "check", "answer")
"""What the four steps of a plan do, in order."""

_SYSTEM: Final = (
    "You are a data analyst over a SQLite database about installed Python packages. Sizes are in bytes; a requirement "
    "with a marker counts only under a condition. Do the one job of the message and reply with its result alone."
)
_JOBS: Final[dict[Job, str]] = {
    "plan": "A JSON list of four short texts, one a step: see the schema, query, check the result, write the answer.",
    "query": "One SQLite SELECT that answers the question, label first and number second, largest first.",
    "control": "One SQLite SELECT that computes, in another way than the query did, the number in its first row.",
    "answer": "One or two sentences that answer the question from the rows, with sizes in MB.",
}
_SECTION: Final = re.compile(r"^([A-Z]+): ", re.MULTILINE)


def ask(job: Job, question: str, **sections: str) -> list[dict[str, str]]:
    """The messages of one job; ``sections`` are added under their names."""
    parts = {"job": f"{job}. {_JOBS[job]}", "question": question, **{k: v for k, v in sections.items() if v}}
    text = "\n".join(f"{name.upper()}: {content}" for name, content in parts.items())
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": text}]


def read(messages: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The sections of the last message, by name: the inverse of :func:`ask`."""
    pieces = _SECTION.split(messages[-1]["content"])
    return {name.lower(): content.strip() for name, content in zip(pieces[1::2], pieces[2::2], strict=True)}


def describe_tables(tables: Mapping[str, Sequence[str]]) -> str:
    """``files(package, path, …); packages(…)``."""
    return "; ".join(f"{name}({', '.join(columns)})" for name, columns in tables.items())


def rows_text(rows: Sequence[Sequence[object]]) -> str:
    """Rows as JSON."""
    return json.dumps(rows)
