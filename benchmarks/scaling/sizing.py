"""From figures of one machine to the size and the price of a fleet. Pure; docs/scaling.md has the formulae in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from benchmarks.scaling.figures import Measured

DAY_S: Final = 86_400
MONTH_DAYS: Final = 30
GIB: Final = 2**30


@dataclass(frozen=True)
class Inputs:
    """What is assumed. Every one of them is somebody's own: ``python -m benchmarks.scaling --set core_month=31``."""

    peak: float = 3.0
    """The busiest hour over the mean."""
    busy: float = 0.6
    """How busy a core may be at the peak."""
    span_factor: float = 1.0
    """A span's size over that of the measured traffic."""
    sampled: float = 1.0
    """The share of traces that Jaeger is sent."""
    record_days: float = 30
    """How long the spans themselves are kept."""
    contract_days: float = 30
    """How long sessions, steps and events are kept, from which lines are exported."""
    lines_days: float = 365
    """How long exported lines are kept, packed."""
    postgres_copies: float = 2
    """The primary and its standby."""
    jaeger_days: float = 7
    kafka_days: float = 2
    """How long Postgres may be away."""
    kafka_copies: float = 3
    core_month: float = 20.0
    """The price of a core with its memory for a month."""
    disk_gib_month: float = 0.10
    """The price of a GiB of disk for a month."""
    object_gib_month: float = 0.02
    """The price of a GiB for a month where files lie that nobody changes."""


@dataclass(frozen=True)
class Tier:
    """What one tier needs at a rate. ``gib`` counts all copies."""

    name: str
    spans_s: float
    """At the peak."""
    gib_day: float
    """What comes in a day, all copies."""
    cores: float
    gib: float
    month: float


def tiers(measured: Measured, given: Inputs, sessions_day: float, *, kafka: bool) -> list[Tier]:
    """Each tier for so many sessions a day. ``kafka``: the scaled-out design, else the Collector sends by itself."""
    spans_day = sessions_day * measured.spans_a_session
    peak_s = spans_day / DAY_S * given.peak

    def tier(
        name: str, us: float, kept: list[tuple[float, float]], *, share: float = 1.0, gib_month: float | None = None
    ) -> Tier:
        """``kept``: bytes of a span and the days that they stay; ``gib_month``: their price, where it is no disk."""
        cores = peak_s * share * us / 1e6 / given.busy
        gib_day = spans_day * share * given.span_factor * sum(size for size, _ in kept) / GIB
        gib = spans_day * share * given.span_factor * sum(size * days for size, days in kept) / GIB
        month = cores * given.core_month + gib * (given.disk_gib_month if gib_month is None else gib_month)
        return Tier(name, peak_s * share, gib_day, cores, gib, month)

    postgres = [
        (measured.record_bytes * given.postgres_copies, given.record_days),
        (measured.contract_bytes * given.postgres_copies, given.contract_days),
    ]
    found = [tier("Collector beside the agents", measured.collector_us, [])]
    if kafka:
        log = [(measured.gzip_bytes * given.kafka_copies, given.kafka_days)]
        found += [
            tier("gateway Collectors", measured.gateway_us, []),
            tier("Kafka", measured.kafka_us * given.kafka_copies, log),
            tier("worker Collectors", measured.worker_us, []),
        ]
    return [
        *found,
        tier("`atlas-otel collect`", measured.collect_us, []),
        tier("Postgres", measured.postgres_us, postgres),
        tier("exported lines", 0, [(measured.line_gzip_bytes, given.lines_days)], gib_month=given.object_gib_month),
        tier("Jaeger", measured.jaeger_us, [(measured.badger_bytes, given.jaeger_days)], share=given.sampled),
    ]


def per_million(found: list[Tier], sessions_day: float) -> float:
    """What a million sessions cost, in the prices' own unit."""
    return sum(tier.month for tier in found) / (sessions_day * MONTH_DAYS / 1e6)


def carried(us: float, given: Inputs, cores: float) -> float:
    """Spans a second that so many cores carry, as busy as they may be."""
    return cores * given.busy * 1e6 / us
