from __future__ import annotations

from datetime import datetime, timedelta, timezone

import orjson
import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_otel.postgres import copy_buffer as cb

# Text without NUL, which Postgres has no room for.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc))
ROWS = st.tuples(
    st.none() | TEXT,
    st.none() | st.binary(),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | JSON,
    st.none() | TIMES,
    st.integers(-(10**18), 7 * 10**18),
)


def encoded(row: tuple) -> bytes:  # type: ignore[type-arg]
    text, raw, big, small, json, time, ns = row
    return cb.row(
        cb.text(text),
        cb.raw(raw),
        cb.bigint(big),
        cb.integer(small),
        cb.jsonb(None if json is None else orjson.dumps(json)),
        cb.timestamptz(time),
        cb.timestamptz_of_ns(ns),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(ROWS, max_size=8))
def test_the_server_reads_back_every_value(admin: psycopg.Connection, rows: list[tuple]) -> None:  # type: ignore[type-arg]
    with admin.transaction(force_rollback=True), admin.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE t (a text, b bytea, c bigint, d integer, e jsonb, f timestamptz, g timestamptz)"
        )
        with cursor.copy("COPY t FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(cb.HEADER + b"".join(map(encoded, rows)) + cb.TRAILER)
        back = cursor.execute("SELECT * FROM t").fetchall()

    assert back == [(*row[:6], EPOCH + timedelta(microseconds=row[6] // 1000)) for row in rows]
