"""Every kind of event is read, reduced and told in the same way; no payload makes any of that fail."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.events.catalogue import KEYS, KINDS, STRUCTURE, read_note, skeleton
from atlas_otel.events.note import TOP, OtherNote
from atlas_otel.models.intermediate_step import IntermediateStep
from atlas_otel.records.record import EventRecord

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(KEYS)), inner, max_size=4),
    max_leaves=8,
)
payloads = st.dictionaries(st.sampled_from(sorted(KEYS)), json_values, max_size=6)


def test_every_event_name_of_ours_has_a_kind() -> None:
    names = {value for name, value in vars(semconv).items() if name.startswith("EVENT_")}
    assert {name for name in names if name.startswith("atlas.")} | {semconv.EVENT_REWARD} == set(KINDS)


def test_where_ids_stand_is_named_by_keys_that_are_no_content() -> None:
    for path in STRUCTURE:
        kind = next(name for name in KINDS if path.startswith(f"{name}."))
        assert set(path.removeprefix(f"{kind}.").split(".")) <= KINDS[kind].keys


@given(st.sampled_from([*KINDS, "of.others"]), payloads)
def test_any_payload_is_read_and_told(name: str, payload: dict[str, Any]) -> None:
    note = read_note(EventRecord("1" * 32, "2" * 16, 7, None, name, json.dumps(payload)))
    rows = note.trajectory(TOP)
    assert all(row.time_ns == 7 for row in rows)
    if name != semconv.EVENT_INTERMEDIATE_STEP or isinstance(note, OtherNote):
        for row in rows:
            IntermediateStep.model_validate_json(row.event)


@given(st.sampled_from([*KINDS, "of.others"]), payloads)
def test_what_is_left_without_content_is_left_again(name: str, payload: dict[str, Any]) -> None:
    kept = skeleton(name, payload)
    assert skeleton(name, kept) == kept
