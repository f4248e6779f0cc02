"""The tables of docs/scaling.md: written between the page's marks, from the figures that are kept."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.scaling.sizing import DAY_S, Inputs, carried, per_million, tiers

if TYPE_CHECKING:
    from benchmarks.scaling.figures import Measured

PAGE: Final = Path(__file__).parents[2] / "docs" / "scaling.md"
SCALES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
"""Sessions a day."""
_SCALED_OUT: Final = 1_000_000
"""From here on with Kafka between, and with a sample of the traces in Jaeger."""
SAMPLED: Final = 0.05


def written(page: str, measured: Measured, given: Inputs | None = None) -> str:
    """The page with its tables made anew. Raises ValueError where a mark lacks."""
    inputs = given or Inputs()
    for mark, table in (
        ("measured", _measured(measured)),
        ("inputs", _inputs(inputs)),
        ("carried", _carried(measured, inputs)),
        ("tiers", _tiers(measured, inputs)),
        ("cost", _cost(measured, inputs)),
    ):
        if page.count(f"<!-- {mark} -->\n") != 1 or page.count(f"<!-- /{mark} -->") != 1:
            raise ValueError(f"docs/scaling.md has no place for the table {mark!r}")
        head, rest = page.split(f"<!-- {mark} -->\n")
        page = f"{head}<!-- {mark} -->\n\n{table}\n\n<!-- /{mark} -->{rest.partition(f'<!-- /{mark} -->')[2]}"
    return page


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _measured(m: Measured) -> str:
    rows = [
        ["a span in OTLP; packed by gzip", f"{m.wire_bytes:,.0f} B; {m.gzip_bytes:,.0f} B"],
        ["Collector (both queues on disk, cutting for Badger)", f"{m.collector_us:,.0f} µs"],
        ["Jaeger, Badger", f"{m.jaeger_us:,.0f} µs"],
        ["`atlas-otel collect`, computing the sessions too", f"{m.collect_us:,.0f} µs"],
        ["Postgres, the same", f"{m.postgres_us:,.0f} µs"],
        ["a gateway Collector, TLS in, Kafka out", f"{m.gateway_us:,.0f} µs"],
        ["Kafka, one node", f"{m.kafka_us:,.0f} µs"],
        ["a worker Collector", f"{m.worker_us:,.0f} µs"],
        ["a span in Postgres: the record, with indexes", f"{m.record_bytes:,.0f} B"],
        ["… and its part of the contract's tables, with indexes", f"{m.contract_bytes:,.0f} B"],
        ["an exported line, by its spans; packed", f"{m.line_bytes:,.0f} B; {m.line_gzip_bytes:,.0f} B"],
        ["a span in Badger", f"{m.badger_bytes:,.0f} B"],
        ["a span that waits in a queue of the Collector", f"{m.queue_bytes:,.0f} B"],
        ["a span that waits in the spool of `collect`", f"{m.spool_bytes:,.0f} B"],
        ["the Collector taking spans, nobody behind it", f"{m.taking_rate:,.0f} spans/s"],
        ["one `collect` into Postgres, until committed", f"{m.one_rate:,.0f} spans/s"],
        ["two on one database", f"{m.two_rate:,.0f} spans/s"],
    ]
    said = ", ".join(f"{name} {value}" for name, value in m.machine)
    about = (
        f"{m.day}; {said}; load average {m.load[0]} at the start, {m.load[1]} at the end. "
        f"{m.sessions:,} sessions of {m.spans_a_session} spans. µs: of one core, a span."
    )
    return f"{_table(['what', 'measured'], rows)}\n\n{about}"


def _inputs(given: Inputs) -> str:
    rows = [[f"`{field.name}`", _number(float(getattr(given, field.name)))] for field in fields(given)]
    return _table(["input", "assumed"], rows)


def _carried(m: Measured, given: Inputs) -> str:
    whole = m.collector_us + m.jaeger_us + m.collect_us + m.postgres_us
    rows = [
        ("one machine of 4 cores, all of compose", carried(whole, given, 4)),
        ("one machine of 16 cores, all of compose", carried(whole, given, 16)),
        ("one process of `atlas-otel collect` (one core)", carried(m.collect_us, given, 1)),
        ("a Postgres of 16 cores", carried(m.postgres_us, given, 16)),
        ("a Collector of 1 core", carried(m.collector_us, given, 1)),
    ]
    shown = []
    for name, spans_s in rows:
        sessions = spans_s * DAY_S / given.peak / m.spans_a_session
        shown.append([name, _number(spans_s), _number(sessions)])
    return _table(["what", "spans/s at the peak", "sessions a day"], shown)


def _at(m: Measured, given: Inputs, sessions: int) -> tuple[bool, Inputs]:
    out = sessions >= _SCALED_OUT
    return out, replace(given, sampled=SAMPLED) if out and given.sampled == 1.0 else given


def _tiers(m: Measured, given: Inputs) -> str:
    rows = []
    for sessions in SCALES[2:3]:
        out, there = _at(m, given, sessions)
        for tier in tiers(m, there, sessions, kafka=out):
            numbers = (tier.spans_s, tier.gib_day, tier.cores, tier.gib, tier.month)
            rows.append([tier.name, *map(_number, numbers)])
    return _table(["tier", "spans/s at the peak", "GiB a day", "cores", "GiB kept", "price a month"], rows)


def _cost(m: Measured, given: Inputs) -> str:
    rows = []
    for sessions in SCALES:
        out, there = _at(m, given, sessions)
        found = tiers(m, there, sessions, kafka=out)
        rows.append(
            [
                f"{sessions:,}",
                _number(sessions * m.spans_a_session / DAY_S * there.peak),
                "with Kafka" if out else "no Kafka",
                _number(sum(tier.cores for tier in found)),
                _number(sum(tier.gib for tier in found) / 1024),
                _number(per_million(found, sessions)),
            ]
        )
    head = ["sessions a day", "spans/s at the peak", "design", "cores", "TiB kept", "price of a million sessions"]
    return _table(head, rows)
