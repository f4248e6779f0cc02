"""What a session can be written as. Each format is one pure function from a stored session to lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from atlas_otel_exporters.formats.atlas import atlas_lines
from atlas_otel_exporters.formats.chat import chat_lines
from atlas_otel_exporters.formats.preference import preference_lines
from atlas_otel_exporters.formats.rl import rl_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel_exporters.stored import StoredSession

FormatName: TypeAlias = Literal["atlas", "chat", "preference", "rl"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


class Format(Protocol):
    """A session → its lines, each without a line end. Raises RecordError where a stored value cannot be read."""

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """``revision`` stands at the top of every line where it is given."""


def format_named(name: FormatName) -> Format:
    """The format's function."""
    return _FORMATS[name]


_FORMATS: dict[FormatName, Format] = {
    "atlas": atlas_lines,
    "chat": chat_lines,
    "preference": preference_lines,
    "rl": rl_lines,
}
