"""Whatever stands in a file or a variable: a record or RecordError, settings or ConfigError, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from atlas_otel.delivery.spool_adoption import OpenSpans
from atlas_otel.delivery.spool_segment import MAGIC, SegmentReader, head_of
from atlas_otel.errors import ConfigError, RecordError
from atlas_otel.records.record import EventRecord, Record, SpanRecord, decode_record, encode_record, merge_spans
from atlas_otel.settings import CONFIG_FILE_VARIABLE, PREFIX, Settings, resolve

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
SPAN = ["s", "1" * 32, "2" * 16, None, "k", "n", None, 1, 5, 9, 0, None, {}, [], [], "scope", {}, 5, 7, 0, 0, 0]
EVENT = ["e", "1" * 32, "2" * 16, 5, None, "name", "{}"]


@st.composite
def nearly_records(draw: st.DrawFn) -> Any:
    """A record of which some fields are something else, or too many, or too few."""
    fields = list(draw(st.sampled_from([SPAN, EVENT])))
    for _ in range(draw(st.integers(0, 3))):
        fields[draw(st.integers(0, len(fields) - 1))] = draw(JSON)
    return fields[: draw(st.integers(0, len(fields)))] if draw(st.booleans()) else fields


def _decoded(data: bytes) -> Record | None:
    try:
        return decode_record(data)
    except RecordError:
        return None


def _is_usable(record: Record) -> None:
    """Everything that is done with a record before it comes to a store."""
    assert decode_record(encode_record(record)) == record
    seen = OpenSpans()
    seen.see(record)
    seen.marks()
    hash((record.trace_id, record.span_id))
    if isinstance(record, SpanRecord):
        merge_spans(record, record._replace(version=record.version ^ 1))
    else:
        assert isinstance(record, EventRecord)


@given(st.binary(max_size=200) | JSON.map(orjson.dumps))
@example(b"[]")
@example(b'["s"]')
@example(b"[" * 5000)
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    record = _decoded(data)
    if record is not None:
        _is_usable(record)


@given(nearly_records())
@example(SPAN)
@example(EVENT)
def test_what_is_nearly_a_record_is_one_or_is_refused(fields: Any) -> None:
    record = _decoded(orjson.dumps(fields))
    if record is not None:
        _is_usable(record)
    if fields in (SPAN, EVENT):
        assert record is not None


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_segment_with_damage_anywhere_gives_whole_records_only(data: st.DataObject, tmp_path: Path) -> None:
    payloads = [orjson.dumps([*EVENT[:3], number, *EVENT[4:]]) for number in range(5)]
    whole = bytearray(MAGIC + b"".join(head_of(one) + one for one in payloads))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path / "x.seg"
    path.write_bytes(bytes(whole[:cut]))
    found: list[bytes] = []
    try:
        reader = SegmentReader(path)
    except OSError:  # the damage made a header of another version of it
        return
    try:
        while True:
            frames = reader.read(reader.size, 100, 1 << 20)
            if not (frames.payloads or frames.damaged or frames.torn):
                break
            found += map(bytes, frames.payloads)
    finally:
        reader.close()
    assert set(found) <= set(payloads)
    assert len(found) == len(set(found))


VARIABLES = [PREFIX + name.upper() for name in vars(Settings()) if name != "redact"] + [
    "OTEL_SERVICE_NAME",
    "OTEL_SDK_DISABLED",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
]
VALUES = st.text(max_size=20) | st.sampled_from(["true", "0", "nan", "inf", "-1", "1e400", "{}", "[]", "null", "٣"])


def _resolved(arguments: dict[str, Any], environment: dict[str, str]) -> Settings | None:
    try:
        return resolve(arguments, environment)
    except ConfigError as error:
        assert "\n" not in str(error), "one line"
        return None


@given(st.dictionaries(st.sampled_from(VARIABLES), VALUES, max_size=5))
def test_no_environment_breaks_the_loader(environment: dict[str, str]) -> None:
    found = _resolved({}, environment)
    if found is not None:
        for name in ("max_string_bytes", "max_value_bytes"):
            assert isinstance(getattr(found, name), int)
        assert found.exit_timeout_s >= 0
        assert found.exit_timeout_s < float("inf")


@given(st.dictionaries(st.sampled_from(sorted(vars(Settings()))), JSON, max_size=4))
def test_no_argument_breaks_the_loader(arguments: dict[str, Any]) -> None:
    _resolved(arguments, {})


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(sorted(vars(Settings()))) | st.text(max_size=5), JSON, max_size=4).map(
        lambda held: yaml.safe_dump(held, allow_unicode=True).encode("utf-8", "surrogatepass")
    )
)
@example(content=b"? [a]\n: 1\n")
@example(content=b"metadata: !!python/object/apply:os.system [true]\n")
@example(content=b"max_string_bytes: .nan\n")
@example(content=b"a: &a [*a]\n")
def test_no_file_breaks_the_loader(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "atlas.yaml"
    path.write_bytes(content)
    _resolved({}, {CONFIG_FILE_VARIABLE: str(path)})


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        resolve({}, {CONFIG_FILE_VARIABLE: str(tmp_path)})
