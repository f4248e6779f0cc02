"""Bytes of a span in Postgres and in a lake, and what archiving costs: ``python -m benchmarks.lake --sessions 600``.

The traffic is that of ``benchmarks.scaling``. Bytes do not depend on what else the machine does; processor time does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg

from atlas_otel.capture.capture import Capture
from atlas_otel.lake.archive import archive
from atlas_otel.lake.maintenance import compact, expire
from atlas_otel.lake.table import open_lake
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.settings import resolve
from benchmarks.postgres import server
from benchmarks.scaling import traffic
from benchmarks.scaling.measure import SIZES_OF_TABLES

NOW = timedelta(0)


class LakeBytes(NamedTuple):
    """Of a span: in Postgres the record and the contract's rows, with indexes; in the lake, all its files."""

    spans: int
    record: float
    contract: float
    lake: float
    archive_us: float
    """Processor time of archiving, of this process, a span."""

    @property
    def share(self) -> float:
        """Of Postgres' bytes, in the lake."""
        return self.lake / (self.record + self.contract)


def measure(sessions: int) -> LakeBytes:
    """Store the traffic, compute it, archive it, compact the lake."""
    made = traffic.make(sessions)
    capture = Capture.from_settings(resolve({}, {}), on_loss=lambda _: None)
    with server() as postgres, tempfile.TemporaryDirectory() as folder:
        url = postgres.database()
        with PostgresStore(url) as store:
            for request in made.requests:
                store.write(decode_protobuf(request, capture).records)
            while store.project():
                pass
            with psycopg.connect(url, autocommit=True) as connection:
                traces = [trace for (trace,) in connection.execute("SELECT trace_id FROM atlas_otel.traces")]
            store.settle(traces)
            while store.project():
                pass
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(SIZES_OF_TABLES).fetchone()
        assert row is not None
        place = Path(folder, "lake")
        with open_lake(str(place), create=True) as lake:
            began = time.process_time()
            done = archive(url, lake, NOW, now_ns=time.time_ns())
            took = time.process_time() - began
            assert done is not None
            assert done.archived == sessions, done
            compact(lake)
            expire(lake, NOW, orphans=NOW)
        held = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        record, contract = (size / made.spans for size in row)
        return LakeBytes(made.spans, record, contract, held / made.spans, took * 1e6 / made.spans)


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=600)
    found = measure(parser.parse_args().sessions)
    print(f"| what, of {found.spans:,} spans | |\n|---|---:|")
    print(f"| Postgres: the record, with indexes | {found.record:,.0f} B |")
    print(f"| Postgres: the contract's rows, with indexes | {found.contract:,.0f} B |")
    print(f"| the lake, compacted, all its files | {found.lake:,.0f} B |")
    print(f"| the lake's share | 1/{1 / found.share:.1f} |")
    print(f"| archiving, of one core | {found.archive_us:,.0f} µs |")
    print(f"\nload average {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
