"""What the review events of a session come to: the one rule. Pure.

An event that was undone counts as never made; so does the undoing of one that was undone itself. A verdict counts where
the session is still what it was then: after any change of its rows, it waits again.

- The last final verdict decides. Where one verdict is needed, each one is final.
- Else each reviewer's last verdict counts (``pending`` takes it back). There have to be as many as are needed; more
  than half of them decide. Half against half is a tie, and waits.
- Without a verdict that counts, it waits.

Of notes, scores, assignments, corrections and excluded calls, the last one counts: of the session or step and reviewer,
of the criterion and reviewer, of the session, and of the call.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlas_otel.review.event import ReviewEvent, Verdict


class Review(NamedTuple):
    """What a session's events come to. The lists hold the events that count, in order."""

    status: Verdict
    notes: str | None
    verdicts: Sequence[ReviewEvent]
    needed: int
    tie: bool
    changed: bool
    """A verdict counts no more since the session changed, and none has been given since."""
    scores: Sequence[ReviewEvent]
    step_notes: Sequence[ReviewEvent]
    tags: Sequence[str]
    corrections: Sequence[ReviewEvent]
    excluded: Sequence[ReviewEvent]
    assigned_to: str | None
    undone: frozenset[int]
    """Ids of the events that count no more."""
    last_event: int


def review(events: Iterable[ReviewEvent], revision: int, *, needed: int = 1) -> Review:
    """What ``events`` come to for a session whose content is of ``revision``.

    ``needed``: how many verdicts, where no event says; the last verdict's own word goes before it.
    """
    ordered = sorted(events, key=lambda one: one.id)
    undone = _undone(ordered)
    living = [one for one in ordered if one.id not in undone and one.kind != "undo"]
    said = [one for one in living if one.kind == "verdict" and one.verdict is not None]
    counting = [one for one in said if one.revision >= revision]
    needed = said[-1].needed if said else needed
    status, verdicts, tie = _decided(counting, needed)
    session_notes = [one for one in living if one.kind == "note" and one.step_id is None]
    assigned = [one for one in living if one.kind == "assign"]
    calls = _last(one for one in living if one.kind in ("exclude", "include"))
    return Review(
        status=status,
        notes=session_notes[-1].text if session_notes else None,
        verdicts=verdicts,
        needed=needed,
        tie=tie,
        changed=any(one.verdict != "pending" for one in said) and not counting,
        scores=_last(one for one in living if one.kind == "score"),
        step_notes=_last(one for one in living if one.kind == "note" and one.step_id is not None),
        tags=_tags(living),
        corrections=_last(one for one in living if one.kind == "correction"),
        excluded=[one for one in calls if one.kind == "exclude"],
        assigned_to=assigned[-1].text if assigned else None,
        undone=undone,
        last_event=ordered[-1].id if ordered else 0,
    )


def _undone(ordered: Sequence[ReviewEvent]) -> frozenset[int]:
    """What undoing took away. An event is undone only by a later one, so the last ones are sure."""
    gone: set[int] = set()
    for one in reversed(ordered):
        if one.kind == "undo" and one.id not in gone and one.undoes is not None and one.undoes < one.id:
            gone.add(one.undoes)
    return frozenset(gone)


def _decided(counting: Sequence[ReviewEvent], needed: int) -> tuple[Verdict, Sequence[ReviewEvent], bool]:
    final = [one for one in counting if one.final or needed <= 1]
    if final:
        last = final[-1]
        assert last.verdict is not None
        return last.verdict, [] if last.verdict == "pending" else [last], False
    latest = {one.reviewer: one for one in counting}
    votes = sorted((one for one in latest.values() if one.verdict != "pending"), key=lambda one: one.id)
    counts = Counter(one.verdict for one in votes)
    if len(votes) < needed:
        return "pending", votes, False
    winner, most = counts.most_common(1)[0]
    if 2 * most > len(votes) and winner is not None:
        return winner, votes, False
    return "pending", votes, True


def _last(events: Iterable[ReviewEvent]) -> list[ReviewEvent]:
    """The last event about each thing, in the order of these."""
    found: dict[object, ReviewEvent] = {}
    for one in events:
        about = (one.span_id,) if one.span_id is not None else (one.reviewer, one.criterion, one.step_id)
        found[about] = one
    return sorted(found.values(), key=lambda one: one.id)


def _tags(living: Sequence[ReviewEvent]) -> list[str]:
    found: dict[str, None] = {}
    for one in living:
        if one.text is not None and one.kind == "tag":
            found[one.text] = None
        elif one.text is not None and one.kind == "untag":
            found.pop(one.text, None)
    return list(found)
