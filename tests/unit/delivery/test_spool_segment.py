"""Segment files: framed, checksummed, readable while they are written, and after any kind of harm."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_otel.delivery.spool_segment import (
    FRAME,
    MAGIC,
    Segment,
    SegmentReader,
    checksum_of,
    head_of,
    reserves_blocks,
)

both_writers = pytest.mark.parametrize("mapped", [True, False], ids=["mmap", "pwrite"])


def write(segment: Segment, payload: bytes) -> None:
    segment.write(head_of(payload), payload)


def _read_all(path: Path, *, max_records: int = 1000, max_bytes: int = 1 << 20) -> tuple[list[bytes], int, bool]:
    reader = SegmentReader(path)
    payloads: list[bytes] = []
    damaged, torn = 0, False
    try:
        while True:
            frames = reader.read(reader.size, max_records, max_bytes)
            payloads += frames.payloads
            damaged += frames.damaged
            torn = torn or frames.torn
            if not (frames.payloads or frames.damaged or frames.torn):
                return payloads, damaged, torn
    finally:
        reader.close()


@both_writers
def test_what_is_written_is_read_back_and_the_file_is_private(tmp_path, mapped):
    segment = Segment(tmp_path / "a", 4096, mapped=mapped)
    payloads = [b"one", b"", b"three" * 100]
    for payload in payloads:
        if payload:
            write(segment, payload)
    assert _read_all(tmp_path / "a") == ([b"one", b"three" * 100], 0, False), "readable while it is open"
    segment.close()
    assert _read_all(tmp_path / "a") == ([b"one", b"three" * 100], 0, False)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


@pytest.mark.parametrize("size", [1, 17, 4096, 65_536, 65_537, 131_072, 200_003])
def test_the_checksum_tells_of_every_damage(size):
    data = os.urandom(size)
    whole = checksum_of(data)
    assert 0 <= whole < 1 << 32
    assert checksum_of(bytes(data)) == whole
    for at in {0, size // 2, size - 1}:
        assert checksum_of(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) != whole
    assert checksum_of(data + b"\0") != whole
    assert checksum_of(data[:-1]) != whole


def test_bringing_pages_into_memory_ahead_leaves_what_was_written(tmp_path):
    segment = Segment(tmp_path / "a", 1 << 21, mapped=True)
    payloads = [bytes([number]) * 30_000 for number in range(1, 60)]
    for number, payload in enumerate(payloads):
        if number == 20:
            assert len(list(segment.populate())) == 4
        write(segment, payload)
    segment.close()
    assert _read_all(tmp_path / "a") == (payloads, 0, False)


@both_writers
def test_its_blocks_are_reserved_before_the_first_write(tmp_path, mapped):
    segment = Segment(tmp_path / "a", 1 << 20, mapped=mapped)
    assert (tmp_path / "a").stat().st_blocks * 512 >= 1 << 20
    assert segment.fits((1 << 20) - len(MAGIC))
    assert not segment.fits((1 << 20) - len(MAGIC) + 1)
    segment.close()


def test_a_failure_to_reserve_leaves_no_file(tmp_path):
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the file system
        Segment(tmp_path / "a", 1 << 62, mapped=True)
    assert list(tmp_path.iterdir()) == []


@both_writers
def test_wiping_leaves_an_empty_segment(tmp_path, mapped):
    segment = Segment(tmp_path / "a", 2 << 20, mapped=mapped)
    for _ in range(100):
        write(segment, b"x" * 10_000)
    for _ in segment.wipe():
        pass
    assert _read_all(tmp_path / "a") == ([], 0, False)
    write(segment, b"new")
    assert _read_all(tmp_path / "a") == ([b"new"], 0, False)
    segment.close()


def test_a_reader_goes_on_where_it_was_and_not_beyond_its_limit(tmp_path):
    segment = Segment(tmp_path / "a", 4096, mapped=True)
    reader = SegmentReader(tmp_path / "a")
    for number in range(3):
        write(segment, b"%d" % number)
        assert reader.read(segment.tail, 10, 4096).payloads == [b"%d" % number]
    limit = segment.tail
    write(segment, b"later")
    assert reader.read(limit, 10, 4096).payloads == []
    assert reader.read(segment.tail, 10, 4096).payloads == [b"later"]
    reader.close()
    segment.close()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=300), max_size=30),
    max_records=st.integers(1, 40),
    max_bytes=st.integers(1, 4000),
)
def test_any_bounds_of_a_read_give_the_same_records(tmp_path, payloads, max_records, max_bytes):
    path = tmp_path / os.urandom(8).hex()
    segment = Segment(path, 16_384, mapped=True)
    for payload in payloads:
        write(segment, payload)
    segment.close()
    assert _read_all(path, max_records=max_records, max_bytes=max_bytes) == (payloads, 0, False)
    path.unlink()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(payloads=st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=12), data=st.data())
def test_a_write_cut_anywhere_loses_only_itself(tmp_path, payloads, data):
    path = tmp_path / os.urandom(8).hex()
    segment = Segment(path, 16_384, mapped=True)
    for payload in payloads[:-1]:
        write(segment, payload)
    start, last = segment.tail, head_of(payloads[-1]) + payloads[-1]
    segment.close()
    cut = data.draw(st.integers(0, len(last) - 1))
    with path.open("r+b") as file:
        file.seek(start)
        file.write(last[:cut])
    found, damaged, _ = _read_all(path)
    # A cut may leave exactly the whole record, where what is missing were zeros anyway.
    assert found in (payloads[:-1], payloads)
    assert damaged == 0
    path.unlink()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(payloads=st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=12), data=st.data())
def test_a_damaged_byte_never_raises_nor_makes_a_record_up(tmp_path, payloads, data):
    path = tmp_path / os.urandom(8).hex()
    segment = Segment(path, 4096, mapped=True)
    for payload in payloads:
        write(segment, payload)
    tail = segment.tail
    segment.close()
    at = data.draw(st.integers(len(MAGIC), tail - 1))
    raw = bytearray(path.read_bytes())
    raw[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    found, _, _ = _read_all(path)
    remaining = iter(payloads)
    assert all(payload in remaining for payload in found), "what is found is there, in order"
    assert len(found) < len(payloads)
    path.unlink()


def test_a_damaged_record_in_the_middle_costs_only_itself(tmp_path):
    segment = Segment(tmp_path / "a", 4096, mapped=True)
    for payload in (b"first", b"second", b"third"):
        write(segment, payload)
    segment.close()
    raw = bytearray((tmp_path / "a").read_bytes())
    raw[len(MAGIC) + FRAME.size + 5 + FRAME.size] ^= 1
    (tmp_path / "a").write_bytes(raw)
    assert _read_all(tmp_path / "a") == ([b"first", b"third"], 1, False)


def test_another_files_bytes_are_not_a_segment(tmp_path):
    (tmp_path / "a").write_bytes(b"something else altogether")
    reader = SegmentReader(tmp_path / "a")
    frames = reader.read(reader.size, 100, 1 << 20)
    assert frames.payloads == []
    assert frames.damaged == 1, "counted, not dropped in silence"
    reader.close()


def test_only_file_systems_that_reserve_are_mapped(tmp_path):
    assert not reserves_blocks(Path("/proc/self"))
    if Path("/dev/shm").is_dir():
        assert reserves_blocks(Path("/dev/shm"))


def test_a_damaged_length_is_found_also_where_zeros_do_not_change_the_sum(tmp_path):
    segment = Segment(tmp_path / "a", 4096, mapped=True)
    write(segment, b"\xff\xff\xff\xff")
    segment.close()
    raw = bytearray((tmp_path / "a").read_bytes())
    raw[len(MAGIC)] ^= 1  # five bytes: the four, and one of the zeros that follow
    (tmp_path / "a").write_bytes(raw)
    assert _read_all(tmp_path / "a") == ([], 0, True)
