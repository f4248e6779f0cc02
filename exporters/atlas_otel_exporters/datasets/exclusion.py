"""A hold-out list: what must not be in a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from atlas_otel.errors import ExportError, UsageError
from atlas_otel_exporters.training.task_group import task_digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atlas_otel.models.json_types import JsonValue


class Exclusion:
    """Tasks and requests that are held out: one a line, as text, or as JSON with ``task``, ``prompt`` or ``messages``.

    Raises UsageError where the file cannot be read or names nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: dict[str, int] = {}
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    for text in _texts(line.strip(), f"{path}, line {number}"):
                        self._held.setdefault(task_digest(text), number)
        except OSError as error:
            raise UsageError(f"--exclude {path}: cannot be read ({error.strerror or error})") from None
        if not self._held:
            raise UsageError(f"--exclude {path}: names nothing that is to be held out")

    def check(self, session: str, task: str, line: bytes) -> None:
        """Raise ExportError where a row is of a task that is held out, or a user in it says what is."""
        for text in (task, *_said_by_users(orjson.loads(line))):
            if (number := self._held.get(task_digest(text))) is not None:
                raise ExportError(
                    f"session {session} holds what line {number} of --exclude {self._path} holds out: leave the "
                    "session out of the selection, or the line out of the list"
                )


def _texts(line: bytes, where: str) -> Iterator[str]:
    if not line:
        return
    if not line.startswith((b"{", b"[")):
        yield line.decode("utf-8", "replace")
        return
    try:
        held = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise UsageError(f"--exclude {where}: neither a text nor JSON") from None
    if isinstance(held, dict) and isinstance(held.get("task"), str):
        yield held["task"]
    yield from _said_by_users(held)


def _said_by_users(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("role") == "user" and isinstance(value.get("content"), str):
            yield str(value["content"])
        for key in ("messages", "prompt", "rejected_prompt", "input", "steps"):
            held = value.get(key)
            if isinstance(held, str):
                yield held
            else:
                yield from _said_by_users(held)
    elif isinstance(value, list):
        for one in value:
            yield from _said_by_users(one)
