"""A decorated call whose spans are sent over OTLP, beside a raw OpenTelemetry span under the same exporter.

Ours: ``@atlas.tool`` on a function that takes a dict and returns 1 KB of text; both are captured, and the exporter
drops what it gets. Beside it, in the same process: ``start_as_current_span``, six attributes, a ``BatchSpanProcessor``
with such an exporter. A round is a burst of 300 calls of each; what was queued is sent before the next begins. With a
database, it is a real Postgres.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from benchmarks.apart import apart
from benchmarks.finding import Finding
from benchmarks.measuring import alternate_both, ratio
from benchmarks.postgres import server
from benchmarks.task import ARGUMENT, RESULT, Counting, Raw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.options import Options
    from benchmarks.task import Argument

_RAW = "raw span, six attributes, batch processor, the same exporter"


def measure(options: Options) -> Iterable[Finding]:
    """Without a database and with one, each in a process of its own."""
    yield apart(measure_one, None, options)
    with server() as postgres:
        yield apart(measure_one, postgres.database(), options)


def measure_one(url: str | None, options: Options) -> Finding:
    """The row of one setting: ``url`` is the database, None where there is none."""
    import atlas_otel as atlas
    from atlas_otel.sdk import otlp_export

    exporter = Counting()
    sending: Any = otlp_export
    sending._exporter = lambda endpoint, grpc: exporter
    raw = Raw()
    plain = raw.sync_call()
    burst = options.pick(300, 300)
    called = {"ours": 0, "raw": 0}
    with tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool:
        os.environ["ATLAS_OTEL_SPOOL_DIR"] = spool
        telemetry = atlas.configure(
            "bench", database_url=url, durability="spool", console=False, otlp_endpoint="http://127.0.0.1:9"
        )

        @atlas.tool
        def search(argument: Argument) -> str:
            return RESULT

        def ours() -> None:
            with atlas.session("bench"):
                for _ in range(burst):
                    search(ARGUMENT)
            called["ours"] += burst + 1

        def beside() -> None:
            with raw.tracer.start_as_current_span("invoke_agent bench"):
                for _ in range(burst):
                    plain(ARGUMENT)
            called["raw"] += burst + 1

        def settle() -> None:
            raw.provider.force_flush()
            if not telemetry.flush(60):
                raise RuntimeError("what was recorded could not be sent or stored within 60 s")

        taken, used = alternate_both({"ours": ours, "raw": beside}, 3 * options.rounds, between=settle, warm=2)
        settle()
        if exporter.spans != called["ours"] or raw.exported() != called["raw"] or not exporter.whole():
            raise RuntimeError(f"of {called} spans {exporter.spans} and {raw.exported()} were exported")
        telemetry.shutdown(20)
    return Finding(
        f"decorated call, {'OTLP export only' if url is None else '`spool` and OTLP export'}",
        _RAW,
        1.3 if url is None else 1.4,
        ratio(taken["ours"], taken["raw"]),
        checked=f"{called['ours']:,} spans exported, with argument and result",
        note=f"of the calling thread's CPU time {ratio(used['ours'], used['raw']).brief}",
    )
