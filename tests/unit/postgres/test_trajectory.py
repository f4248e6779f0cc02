from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.models.rows import TrajectoryEventRow
from atlas_otel.postgres.trajectory import (
    EventRowRef,
    TrajectoryChange,
    difference,
    difference_since,
    stored_as,
)
from tests.support.projecting_store import in_order

EVENTS = st.lists(
    st.builds(TrajectoryEventRow, st.integers(0, 5), st.sampled_from("abcdef"), st.sampled_from(["1", "2"])),
    unique_by=lambda event: (event.time_ns, event.key),
)


def applied(stored: list[EventRowRef], before: list[TrajectoryEventRow], change: TrajectoryChange) -> dict[int, object]:
    contents = {held.event_id: event for held, event in zip(stored, in_order(before), strict=True)}
    contents.update(change.changed)
    for event_id in change.removed:
        del contents[event_id]
    following = max(contents, default=0) + 1000
    contents.update({following + n: event for n, event in enumerate(change.appended)})
    return dict(sorted(contents.items()))


@given(EVENTS, EVENTS, st.data())
def test_the_rows_say_afterwards_what_was_wanted_in_the_order_of_time(
    before: list[TrajectoryEventRow], after: list[TrajectoryEventRow], data: st.DataObject
) -> None:
    ids = sorted(data.draw(st.sets(st.integers(1, 500), min_size=len(before), max_size=len(before))))
    stored = stored_as(in_order(before), ids)

    change = difference(stored, in_order(after))

    assert list(applied(stored, before, change).values()) == in_order(after)
    kept = {(e.time_ns, e.key) for e in after}
    assert {(e.time_ns, e.key) for e in change.forgotten} == {(e.time_ns, e.key) for e in before} - kept


@given(EVENTS)
def test_what_is_stored_already_changes_nothing(events: list[TrajectoryEventRow]) -> None:
    assert not difference(stored_as(in_order(events), list(range(len(events)))), in_order(events))


@given(EVENTS)
def test_what_comes_at_the_end_is_only_appended(events: list[TrajectoryEventRow]) -> None:
    later = TrajectoryEventRow(10, "z", "3")
    change = difference(stored_as(in_order(events), list(range(len(events)))), [*in_order(events), later])
    assert (change.changed, list(change.appended), change.removed) == ([], [later], [])


@given(EVENTS, EVENTS, st.data())
def test_with_the_events_at_hand_the_difference_is_the_same(
    before: list[TrajectoryEventRow], more: list[TrajectoryEventRow], data: st.DataObject
) -> None:
    # Some of the same objects, some that are only equal, some others.
    known = {(event.time_ns, event.key): event for event in before}
    after = in_order([known.get((e.time_ns, e.key), e) if data.draw(st.booleans()) else e for e in more])
    before, ids = in_order(before), list(range(10, 10 + len(before)))

    assert difference_since(before, ids, after) == difference(stored_as(before, ids), after)
