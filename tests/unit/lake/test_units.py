"""How a lake is cut: every session into one unit, and no two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.lake.units import DataFile, Unit, _bounds, _ranges, _together

KEYS = st.one_of(st.text("0123456789abcdef", min_size=0, max_size=4), st.text(max_size=3))


@given(
    total=st.integers(0, 500),
    records=st.integers(1, 100),
    alone=st.lists(KEYS, max_size=3),
    key=KEYS,
)
def test_a_key_is_in_one_unit(total: int, records: int, alone: list[str], key: str) -> None:
    units = [
        Unit(0, (), low, high, (), single) for low, high, single in _ranges(_bounds(total, records), sorted(set(alone)))
    ]
    holding = [unit for unit in units if unit.holds(key, 0)]
    assert len(holding) == 1
    assert holding[0].alone == (key in alone)


@given(st.dictionaries(st.integers(0, 15), st.integers(1, 3_000)), st.integers(1, 5_000))
def test_small_buckets_go_together_and_none_is_lost(sizes: dict[int, int], records: int) -> None:
    files = {bucket: [DataFile("spans", f"{bucket}.parquet", size)] for bucket, size in sizes.items()}
    found = list(_together(files, records))
    assert sorted(bucket for buckets, _, _ in found for bucket in buckets) == sorted(sizes)
    for buckets, held, size in found:
        assert sum(file.records for file in held) == sum(sizes[bucket] for bucket in buckets)
        assert len(buckets) == 1 or sum(file.records for file in held) <= size
