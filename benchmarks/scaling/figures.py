"""What was measured, kept in ``measured.json`` beside this file: the page is written from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

KEPT: Final = Path(__file__).parent / "measured.json"


@dataclass(frozen=True)
class Measured:
    """One run. ``…_us``: microseconds of one core a span. ``…_rate``: spans a second on the whole machine."""

    day: str
    machine: list[tuple[str, str]]
    load: tuple[float, float]
    """The machine's load average over a minute, before and after."""
    sessions: int
    spans_a_session: int
    wire_bytes: float
    """A span in OTLP protobuf."""
    gzip_bytes: float
    """The same, its batch packed: what goes over the network, and about what Kafka keeps."""
    collector_us: float
    jaeger_us: float
    collect_us: float
    """Taking spans, and computing their sessions."""
    postgres_us: float
    gateway_us: float
    """A gateway Collector: OTLP over TLS in, a trace a message out."""
    kafka_us: float
    """Kafka, one copy."""
    worker_us: float
    """A worker Collector: Kafka in, ``collect`` asked."""
    taking_rate: float
    """The Collector taking spans into its two queues, nobody behind it."""
    one_rate: float
    """One ``atlas-otel collect``, from the request to the committed row."""
    two_rate: float
    """Two of them on one database."""
    record_bytes: float
    """A span in the schema ``atlas_otel``, with indexes."""
    contract_bytes: float
    """The same in the contract's tables, with indexes."""
    line_bytes: float
    """A session's exported line, by its spans."""
    line_gzip_bytes: float
    """The same in a ``.jsonl.gz``."""
    badger_bytes: float
    queue_bytes: float
    """A span that waits in one of the Collector's queues."""
    spool_bytes: float
    """A span that waits in the spool of ``collect``."""


def save(measured: Measured, path: Path = KEPT) -> None:
    """Keep it."""
    path.write_text(json.dumps(asdict(measured), indent=1, ensure_ascii=False) + "\n", "utf-8")


def load(path: Path = KEPT) -> Measured:
    """What was kept."""
    body = json.loads(path.read_text("utf-8"))
    pairs = {"machine": [(name, said) for name, said in body["machine"]], "load": tuple(body["load"])}
    return Measured(**{**body, **pairs})
