"""Our own ``@atlas.tool`` in a session; run in the environment of the benchmarks.

Variants: ``exporter`` (no database: a batch processor whose exporter drops what it gets, as for the peers), ``memory``
and ``spool`` (into the Postgres that ``ATLAS_OTEL_DATABASE_URL`` names).
"""

from __future__ import annotations

from typing import Literal, cast

from opentelemetry.sdk.trace.export import BatchSpanProcessor

import atlas_otel as atlas
from benchmarks.peering import Peer
from benchmarks.task import MARK, RESULT, Argument, Counting


def prepare(variant: str) -> Peer:
    """The decorator, recording to where the variant says."""
    exporter = Counting()
    if variant == "exporter":
        telemetry = atlas.configure("bench", console=False, span_processors=[BatchSpanProcessor(exporter)])
    else:
        telemetry = atlas.configure("bench", console=False, durability=cast("Literal['memory', 'spool']", variant))

    @atlas.tool
    def search(argument: Argument) -> str:
        return RESULT

    def recorded() -> int:
        return exporter.spans if variant == "exporter" else telemetry.accounts.spans.stored

    def whole() -> bool:
        return exporter.whole() if variant == "exporter" else _stored_whole(telemetry.database_url or "")

    return Peer(
        "atlas-otel",
        search,
        recorded,
        whole,
        around=lambda: atlas.session("bench"),
        per_round=1,
        settle=lambda: telemetry.flush(60),
    )


def _stored_whole(url: str) -> bool:
    """Whether no row of a call lacks its argument or its result."""
    import psycopg

    query = "SELECT count(*) FILTER (WHERE attributes::text NOT LIKE %s) FROM atlas_otel.spans WHERE kind = 'tool'"
    with psycopg.connect(url) as connection:
        row = connection.execute(query, [f"%{MARK}%"]).fetchone()
    return row == (0,)
