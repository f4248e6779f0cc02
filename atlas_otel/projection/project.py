"""Records of one session → its contract rows. Pure: the same rows for every order, duplication and batching of records.

:func:`project` does it at once, :class:`SessionFold` as the records come: both give the same rows, since the first is
the second fed once. Between two :meth:`SessionFold.rows` only what new records touched is computed again: a span and
what hangs under it, the step it belongs to, the session's row.

What goes where is the contract's (§2, §3). Choices of ours:

- A session that ran no step, and whose plan isn't of several, has one step: the task itself, with the session's answer
  as its output and the session's judgements as its own. It appears when the session is over.
- A step that other spans say they stand in counts as run, also before its own span has come.
- The transcript of an attempt that runs and holds more than 256 spans goes on only when the time since its beginning
  has doubled: else all of it would be written again with each span. Its trajectory events are there at once, and the
  whole transcript when the attempt, or the session, is over.
- What we compute wins over a caller's metadata of the same key, which is kept under ``caller_metadata``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.models.rows import Quiescence
from atlas_otel.projection.fold import SessionFold

if TYPE_CHECKING:
    from atlas_otel.models.rows import SessionRows
    from atlas_otel.records.record import RecordSet

__all__ = ["SessionFold", "project"]


def project(records: RecordSet, quiescence: Quiescence = Quiescence.EXPIRED) -> SessionRows | None:
    """The contract rows of the session that ``records`` are of; None where there is nothing to show yet.

    ``quiescence``: how long nothing has come for it; until then, a session that has ended reads as running.

    Any part of a session's records gives a valid session. Never raises for what the records hold.
    """
    fold = SessionFold()
    for record in records:
        fold.add(record)
    return fold.rows(quiescence)
