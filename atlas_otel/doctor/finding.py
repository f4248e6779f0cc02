"""What an examination comes to: one line for each thing that was looked at. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonObject

Grade: TypeAlias = Literal["OK", "WARN", "FAIL"]
_WIDTH: Final = 11


class Finding(NamedTuple):
    """One thing that was looked at. ``todo``: what to do about it, where something is to be done."""

    grade: Grade
    what: str
    said: str
    todo: str = ""

    def __str__(self) -> str:
        line = f"{self.grade:4}  {self.what:{_WIDTH}}  {self.said}"
        return f"{line}\n{'':{_WIDTH + 8}}→ {self.todo}" if self.todo else line

    def to_json(self) -> JsonObject:
        """The finding as JSON."""
        return {"grade": self.grade, "what": self.what, "said": self.said, "todo": self.todo or None}


def ok(what: str, said: str) -> Finding:
    """Nothing to do."""
    return Finding("OK", what, said)


def warn(what: str, said: str, todo: str) -> Finding:
    """It works, and somebody should know."""
    return Finding("WARN", what, said, todo)


def fail(what: str, said: str, todo: str) -> Finding:
    """It does not work."""
    return Finding("FAIL", what, said, todo)


def failed(findings: Sequence[Finding]) -> bool:
    """Whether anything does not work."""
    return any(finding.grade == "FAIL" for finding in findings)
