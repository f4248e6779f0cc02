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
)


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


def test_what_is_written_is_read_back_and_the_file_is_private(tmp_path):
    segment = Segment(tmp_path / "a", 4096)
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


def test_its_blocks_are_reserved_before_the_first_write(tmp_path):
    segment = Segment(tmp_path / "a", 1 << 20)
    assert (tmp_path / "a").stat().st_blocks * 512 >= 1 << 20
    assert segment.fits((1 << 20) - len(MAGIC))
    assert not segment.fits((1 << 20) - len(MAGIC) + 1)
    segment.close()


def test_a_failure_to_reserve_leaves_no_file(tmp_path):
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the file system
        Segment(tmp_path / "a", 1 << 62)
    assert list(tmp_path.iterdir()) == []


def test_wiping_leaves_an_empty_segment(tmp_path):
    segment = Segment(tmp_path / "a", 2 << 20)
    for _ in range(100):
        write(segment, b"x" * 10_000)
    for _ in segment.wipe():
        pass
    assert _read_all(tmp_path / "a") == ([], 0, False)
    write(segment, b"new")
    assert _read_all(tmp_path / "a") == ([b"new"], 0, False)
    segment.close()


def test_a_reader_goes_on_where_it_was_and_not_beyond_its_limit(tmp_path):
    segment = Segment(tmp_path / "a", 4096)
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
    segment = Segment(path, 16_384)
    for payload in payloads:
        write(segment, payload)
    segment.close()
    assert _read_all(path, max_records=max_records, max_bytes=max_bytes) == (payloads, 0, False)
    path.unlink()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(payloads=st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=12), data=st.data())
def test_a_write_cut_anywhere_loses_only_itself(tmp_path, payloads, data):
    path = tmp_path / os.urandom(8).hex()
    segment = Segment(path, 16_384)
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
    segment = Segment(path, 4096)
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
    segment = Segment(tmp_path / "a", 4096)
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


def test_a_damaged_length_is_found_also_where_zeros_do_not_change_the_sum(tmp_path):
    segment = Segment(tmp_path / "a", 4096)
    write(segment, b"\xff\xff\xff\xff")
    segment.close()
    raw = bytearray((tmp_path / "a").read_bytes())
    raw[len(MAGIC)] ^= 1  # five bytes: the four, and one of the zeros that follow
    (tmp_path / "a").write_bytes(raw)
    assert _read_all(tmp_path / "a") == ([], 0, True)


@pytest.mark.parametrize("cut", [0, 1, 700, 3000])
def test_a_file_cut_short_amid_its_writing_is_an_error_at_most_and_what_follows_is_read(tmp_path, cut):
    """Through a memory map the next write would end the process by SIGBUS."""
    segment = Segment(tmp_path / "a", 1 << 20)
    before = [b"%04d" % number * 100 for number in range(20)]
    after = [b"%04d" % number * 64 for number in range(20, 40)]  # 256 bytes: a length whose first byte is zero
    for payload in before:
        write(segment, payload)
    os.truncate(tmp_path / "a", cut)
    for payload in after:
        write(segment, payload)
    segment.close()
    payloads, damaged, _ = _read_all(tmp_path / "a")
    assert payloads[-20:] == after
    assert payloads[:-20] == before[: len(payloads) - 20]
    assert damaged >= 1


def test_a_write_that_fails_leaves_the_segment_as_it_was(tmp_path):
    segment = Segment(tmp_path / "a", 4096)
    write(segment, b"one")
    tail = segment.tail
    os.close(segment._fd)
    segment._fd = os.open(tmp_path / "a", os.O_RDONLY)
    with pytest.raises(OSError):  # noqa: PT011 - EBADF
        write(segment, b"two")
    assert segment.tail == tail
    segment.close()
    assert _read_all(tmp_path / "a") == ([b"one"], 0, False)
