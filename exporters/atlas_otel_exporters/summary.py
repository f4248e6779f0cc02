"""What an export says of itself, while it goes on and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_IN_FORMAT: Final = "nothing to write in this format"
"""The reason for which a format leaves a session out: it has no rewarded step, say."""


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is: ``sessions`` of ``total`` are written."""

    sessions: int
    total: int


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export did.

    ``sessions``, ``steps`` and ``events`` count what stands in the output; ``lines`` differs from ``sessions`` in
    formats that write several a session, or none. ``bytes`` are counted before compression. ``skipped`` says how
    many sessions are not in the output, by reason; ``unreadable`` names the sessions whose rows could not be read.
    ``revisions`` counts sessions that a follower wrote again. ``calls_left_out`` says how many model calls (and pairs
    of them) made no line in the formats that are made of calls, by cause. ``behind`` says how many sessions' rows
    do not hold yet what was stored before the export began.
    """

    sessions: int
    steps: int
    events: int
    lines: int
    bytes: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[int, str] = field(default_factory=dict)
    revisions: int = 0
    calls_left_out: Mapping[str, int] = field(default_factory=dict)
    behind: int = 0
