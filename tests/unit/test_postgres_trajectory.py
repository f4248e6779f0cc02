from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.models.rows import TrajectoryEventRow
from atlas_otel.postgres.trajectory import StoredEvent, TrajectoryChange, content_hash, difference

EVENTS = st.lists(
    st.builds(TrajectoryEventRow, st.integers(0, 5), st.sampled_from("abcdef"), st.sampled_from(["1", "2"])),
    unique_by=lambda event: (event.time_ns, event.key),
)


def stored_as(events: list[TrajectoryEventRow], ids: list[int]) -> list[StoredEvent]:
    return [
        StoredEvent(e.time_ns, e.key, content_hash(e), event_id)
        for e, event_id in zip(sorted(events, key=lambda e: (e.time_ns, e.key)), ids, strict=True)
    ]


def applied(stored: list[StoredEvent], before: list[TrajectoryEventRow], change: TrajectoryChange) -> dict[int, object]:
    contents = {
        held.event_id: event
        for held, event in zip(stored, sorted(before, key=lambda e: (e.time_ns, e.key)), strict=True)
    }
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
    stored = stored_as(before, ids)

    change = difference(stored, after)

    assert list(applied(stored, before, change).values()) == sorted(after, key=lambda e: (e.time_ns, e.key))
    kept = {(e.time_ns, e.key) for e in after}
    assert {(e.time_ns, e.key) for e in change.forgotten} == {(e.time_ns, e.key) for e in before} - kept


@given(EVENTS)
def test_what_is_stored_already_changes_nothing(events: list[TrajectoryEventRow]) -> None:
    assert not difference(stored_as(events, list(range(len(events)))), events)


@given(EVENTS)
def test_what_comes_at_the_end_is_only_appended(events: list[TrajectoryEventRow]) -> None:
    later = TrajectoryEventRow(10, "z", "3")
    change = difference(stored_as(events, list(range(len(events)))), [later, *events])
    assert (change.changed, list(change.appended), change.removed) == ([], [later], [])
