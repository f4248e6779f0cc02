"""The rule that says what review events come to."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.review.event import VERDICTS, ReviewEvent
from atlas_otel.review.rule import review

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
REVIEWERS = ("ada", "bo", "cy", "dee")


def event(number: int, kind: str = "verdict", **given: object) -> ReviewEvent:
    whole = {
        "id": number,
        "session_id": 1,
        "at": NOW,
        "reviewer": "ada",
        "via": "page",
        "revision": 5,
        "kind": kind,
        "verdict": None,
        "final": False,
        "needed": 1,
        "criterion": None,
        "score": None,
        "step_id": None,
        "span_id": None,
        "text": None,
        "undoes": None,
    }
    return ReviewEvent(**(whole | given))  # type: ignore[arg-type]


@st.composite
def histories(draw: st.DrawFn) -> list[ReviewEvent]:
    needed = draw(st.integers(1, 4))
    found: list[ReviewEvent] = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        kind = draw(st.sampled_from(["verdict", "verdict", "verdict", "score", "note", "undo", "tag", "exclude"]))
        if kind == "undo" and number == 1:
            kind = "note"
        found.append(
            event(
                number,
                kind,
                reviewer=draw(st.sampled_from(REVIEWERS)),
                revision=draw(st.sampled_from([4, 5])),
                verdict=draw(st.sampled_from(VERDICTS)) if kind == "verdict" else None,
                final=kind == "verdict" and draw(st.booleans()) and draw(st.booleans()),
                needed=needed,
                text="t" if kind in ("note", "tag") else None,
                span_id="s" if kind == "exclude" else None,
                criterion="c" if kind == "score" else None,
                score=0.5 if kind == "score" else None,
                undoes=draw(st.integers(1, number - 1)) if kind == "undo" else None,
            )
        )
    return found


@given(histories(), st.randoms())
def test_the_order_in_which_events_are_read_changes_nothing(events: list[ReviewEvent], random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert review(shuffled, 5) == review(events, 5)


@given(histories())
def test_an_undone_event_counts_as_never_made(events: list[ReviewEvent]) -> None:
    after = [*events]
    for one in events[-1:]:
        after.append(event(len(events) + 1, "undo", undoes=one.id))
        without, undone = review(events[:-1], 5), review(after, 5)
        assert undone._replace(undone=without.undone, last_event=without.last_event) == without


@given(histories())
def test_undoing_an_undoing_brings_back_what_it_took(events: list[ReviewEvent]) -> None:
    if events:
        twice = [
            *events,
            event(len(events) + 1, "undo", undoes=events[-1].id),
            event(len(events) + 2, "undo", undoes=len(events) + 1),
        ]
        assert review(twice, 5)[:-2] == review(events, 5)[:-2]


@given(histories())
def test_no_verdict_on_what_the_session_was_counts(events: list[ReviewEvent]) -> None:
    later = review(events, 6)
    assert later.status == "pending"
    assert not later.verdicts
    assert not later.tie


@given(histories())
def test_who_decides_is_among_those_that_count(events: list[ReviewEvent]) -> None:
    found = review(events, 5)
    if found.status != "pending":
        votes = [one.verdict for one in found.verdicts]
        assert 2 * votes.count(found.status) > len(votes)
        final = any(one.final for one in found.verdicts)
        assert final or len(found.verdicts) >= found.needed
    if found.tie:
        assert found.status == "pending"
        assert len(found.verdicts) >= found.needed > 1


def test_one_verdict_decides_where_one_is_needed_and_the_last_one_wins() -> None:
    events = [event(1, verdict="approved"), event(2, verdict="quarantined", reviewer="bo")]
    assert review(events[:1], 5).status == "approved"
    assert review(events, 5).status == "quarantined"
    assert [one.reviewer for one in review(events, 5).verdicts] == ["bo"]


def test_two_that_disagree_are_a_tie_until_a_third_or_a_final_one() -> None:
    split = [event(1, verdict="approved", needed=2), event(2, verdict="quarantined", reviewer="bo", needed=2)]
    assert review(split[:1], 5).status == "pending"
    assert not review(split[:1], 5).tie
    assert review(split, 5).status == "pending"
    assert review(split, 5).tie
    third = event(3, verdict="approved", reviewer="cy", needed=2)
    assert review([*split, third], 5).status == "approved"
    final = event(3, verdict="quarantined", reviewer="root", final=True, needed=2)
    assert review([*split, final], 5).status == "quarantined"


def test_a_reviewer_who_changes_their_mind_has_one_vote() -> None:
    events = [
        event(1, verdict="approved", needed=2),
        event(2, verdict="quarantined", needed=2),
        event(3, verdict="quarantined", reviewer="bo", needed=2),
    ]
    assert review(events[:2], 5).status == "pending"
    assert review(events, 5).status == "quarantined"


def test_a_session_that_changed_says_so_until_somebody_decides_again() -> None:
    old = event(1, verdict="approved")
    assert review([old], 6).changed
    assert not review([old, event(2, verdict="approved", revision=6)], 6).changed
    assert not review([event(1, "score", criterion="c", score=1.0)], 6).changed


def test_the_last_word_counts_of_each_thing() -> None:
    events = [
        event(1, "note", text="first"),
        event(2, "note", text="of the step", step_id=1),
        event(3, "note", text="second", reviewer="bo"),
        event(4, "tag", text="good"),
        event(5, "tag", text="odd"),
        event(6, "untag", text="good"),
        event(7, "exclude", span_id="a", text="leaks"),
        event(8, "exclude", span_id="b"),
        event(9, "include", span_id="b", reviewer="bo"),
        event(10, "correction", span_id="a", text="one"),
        event(11, "correction", span_id="a", text="two", reviewer="bo"),
        event(12, "score", criterion="c", score=0.1),
        event(13, "score", criterion="c", score=0.9),
        event(14, "score", criterion="c", score=0.4, reviewer="bo"),
        event(15, "assign", text="bo"),
    ]
    found = review(events, 5)
    assert found.notes == "second"
    assert [one.text for one in found.step_notes] == ["of the step"]
    assert found.tags == ["odd"]
    assert [one.span_id for one in found.excluded] == ["a"]
    assert [(one.span_id, one.text) for one in found.corrections] == [("a", "two")]
    assert [(one.reviewer, one.score) for one in found.scores] == [("ada", 0.9), ("bo", 0.4)]
    assert found.assigned_to == "bo"
    assert review([*events, event(16, "undo", undoes=11)], 5).corrections[0].text == "one"
