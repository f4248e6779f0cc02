"""Sessions made of records alone are what a database gives for the same records, byte for byte."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel.records.record import Record, RecordSet
from atlas_otel.records.store import Patience
from atlas_otel_exporters.building.projected import Given, derived_number, stored_session
from atlas_otel_exporters.building.selecting import why_skipped
from atlas_otel_exporters.formats import FORMATS, FormatName, format_named
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.stored import StoredSession
from tests.support.runs import any_records

_SELECTIONS = st.builds(
    Selection,
    statuses=st.sampled_from([(), ("Succeeded",), ("running", "failed")]),
    review_statuses=st.sampled_from([None, frozenset({"pending"}), frozenset({"approved"})]),
    min_reward=st.sampled_from([None, 0.5, -1.0]),
)


_numbers = count(1)


def _keyed(records: list[Record], key: str) -> list[Record]:
    """The records as those of another session, in another trace."""
    return [record._replace(session_key=key, trace_id=key) for record in records]


@pytest.mark.timeout(600)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    runs=st.tuples(any_records(), any_records()),
    selection=_SELECTIONS,
    limit=st.sampled_from([None, 0, 3]),
    name=st.sampled_from(FORMATS),
    seed=st.integers(0, 2**32),
)
def test_what_is_made_of_records_is_what_the_database_gives(
    database_url: str,
    given_by: Callable[[str], dict[str, Given]],
    runs: tuple[list[Record], list[Record]],
    selection: Selection,
    limit: int | None,
    name: FormatName,
    seed: int,
) -> None:
    shuffled = random.Random(seed)
    keys = [f"{next(_numbers):032x}" for _ in runs]  # one database for all examples: each has its own sessions
    records = [record for key, run in zip(keys, runs, strict=True) for record in _keyed(run, key)]
    shuffled.shuffle(records)
    with PostgresStore(database_url, patience=Patience(0, 0)) as store:
        for begin in range(0, len(records), 7):
            store.write(records[begin : begin + 7])
            store.project()
        while store.project():
            pass
        stored = {key: list(store.records(key)) for key in keys}  # what it refused is not among them
    known = given_by(database_url)
    numbered = [key for key in keys if key in known]
    if not numbered:
        return
    everything = Selection(review_statuses=None, session_ids=tuple(numbered))
    with open_reader(database_url) as reader, reader.snapshot():
        considered = reader.consider(replace(selection, session_ids=tuple(numbered)))
        with closing(reader.sessions(everything, event_limit=limit)) as found:
            read = {str(session.key): session for session in found}
    made = {}
    for key in numbered:
        again = stored[key] + stored[key][:3]
        shuffled.shuffle(again)
        rows = project(RecordSet(again))
        assert rows is not None
        made[key] = stored_session(key, rows, known[key], limit)
    assert made == read
    assert [why_skipped(one, selection) for one in made.values()].count(None) == considered.taken

    def lines_of(session: StoredSession) -> Iterable[bytes]:
        return format_named(name, records=lambda key: RecordSet(stored[key]))(session)

    for key, session in made.items():
        assert list(lines_of(session)) == list(lines_of(read[key]))


def test_a_session_of_no_database_is_numbered_by_its_key() -> None:
    assert derived_number("a") == derived_number("a") != derived_number("b")
    assert 2**52 <= derived_number("a") < 2**53
