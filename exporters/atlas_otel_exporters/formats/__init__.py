"""What sessions can be written as. Each format is pure: stored sessions in, lines out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, get_args

from atlas_otel.errors import UsageError
from atlas_otel_exporters.formats.atif import AtifFormat
from atlas_otel_exporters.formats.atlas import AtlasFormat
from atlas_otel_exporters.formats.chat import ChatFormat
from atlas_otel_exporters.formats.hf_traces import HfTracesFormat
from atlas_otel_exporters.formats.kto import KtoFormat
from atlas_otel_exporters.formats.openai import OpenAIFormat, OpenAIPreferenceFormat
from atlas_otel_exporters.formats.otlp import OtlpFormat
from atlas_otel_exporters.formats.preference import PreferenceFormat
from atlas_otel_exporters.formats.rl import RlFormat
from atlas_otel_exporters.formats.tokens import TokensFormat
from atlas_otel_exporters.formats.verl import VerlFormat
from atlas_otel_exporters.training.options import RowOptions

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable

    from atlas_otel.records.record import RecordSet
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.row_format import RowFormat

FormatName: TypeAlias = Literal[
    "atlas",
    "chat",
    "preference",
    "rl",
    "kto",
    "tokens",
    "openai",
    "openai-preference",
    "verl",
    "atif",
    "hf-traces",
    "otlp",
]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)
FOLLOWED: Final[frozenset[FormatName]] = frozenset({"atlas", "chat", "preference", "rl", "kto", "tokens"})
"""Formats whose lines say which session and revision they are of, so that a follower can go on from them."""

REMEMBERING: Final[frozenset[FormatName]] = frozenset({"verl"})
"""Formats in which a session's rows depend on those before it: they are made one after the other, from the first on."""


class Format(Protocol):
    """A session → its lines, each without a line end. Raises RecordError where a stored value cannot be read."""

    @property
    def left_out(self) -> Counter[str]:
        """Model calls that made no line, by cause."""

    @property
    def compares_runs(self) -> bool:
        """Whether several runs of one task make lines that none of them makes alone."""

    @property
    def joins_conversations(self) -> bool:
        """Whether sessions of one conversation are given to :meth:`hold` and written by :meth:`joined`."""

    @property
    def reads_rows(self) -> bool:
        """Whether it is made of a session's steps and events; else it needs the session's own row only."""

    @property
    def reads_twice(self) -> bool:
        """Whether :meth:`learn` has to see every session before the first line is written."""

    def learn(self, session: StoredSession) -> None:
        """Take a session in that lines of others depend on."""

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """``revision`` stands at the top of every line where it is given."""

    def hold(self, session: StoredSession) -> Iterable[bytes] | None:
        """Keep a session for :meth:`joined`; the lines of one that has nothing to join."""

    def joined(self) -> Iterable[bytes]:
        """The lines of the sessions that were held, which are one conversation; none is held any more."""

    def traced(self, session: StoredSession) -> Iterable[tuple[bytes, list[str]]]:
        """The lines of a session, each with the ids of the spans that it is made of."""

    def traced_runs(self, sessions: Iterable[StoredSession]) -> Iterable[tuple[bytes, list[str]]]:
        """The same of :meth:`lines_of_runs`."""

    def lines_of_runs(self, sessions: Iterable[StoredSession]) -> Iterable[bytes]:
        """The lines that these runs of one task make together."""


def format_named(
    name: FormatName, options: RowOptions | None = None, records: Callable[[str], RecordSet] | None = None
) -> Format:
    """The format, ready to write. ``records``: those of the session with a key, for the format made of them.

    Raises UsageError where the format needs them and they are not given.
    """
    if name == "atlas":
        return AtlasFormat(options or RowOptions())
    if name == "otlp":
        if records is None:
            raise UsageError("--format otlp makes records, not rows to train on: use atlas-otel export")
        return OtlpFormat(records)
    return _ROWS[name](options)


_ROWS: Final[dict[FormatName, Callable[[RowOptions | None], RowFormat]]] = {
    "atif": AtifFormat,
    "chat": ChatFormat,
    "hf-traces": HfTracesFormat,
    "kto": KtoFormat,
    "openai": OpenAIFormat,
    "openai-preference": OpenAIPreferenceFormat,
    "preference": PreferenceFormat,
    "rl": RlFormat,
    "tokens": TokensFormat,
    "verl": VerlFormat,
}
