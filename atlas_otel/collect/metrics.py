"""The collector's numbers in Prometheus' text format. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel.delivery.accounts import AccountsSnapshot

STORE_FAILURES: Final = "atlas_otel_collect_store_failures"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Received(NamedTuple):
    """What was asked of the collector. ``requests``: by HTTP status. ``refused``: spans that are none."""

    requests: Mapping[int, int]
    bytes: int
    refused: int
    turned_away: Mapping[str, int]
    store_failures: int


def prometheus_text(accounts: AccountsSnapshot, received: Received) -> str:
    """One text of all of them."""
    return "".join(_lines(accounts, received))


def _lines(accounts: AccountsSnapshot, received: Received) -> Iterator[str]:
    things = (("spans", accounts.spans), ("events", accounts.events))
    yield from _metric(
        "requests_total",
        "counter",
        "Export requests, by answer.",
        {f'status="{k}"': v for k, v in received.requests.items()},
    )
    yield from _metric("received_bytes_total", "counter", "Bytes of unpacked bodies.", {"": received.bytes})
    yield from _metric("refused_spans_total", "counter", "Spans that cannot be spans.", {"": received.refused})
    yield from _metric(
        "turned_away_total",
        "counter",
        "Spans and events that there was no room for; their senders send them again.",
        {f'cause="{cause}"': number for cause, number in received.turned_away.items()},
    )
    yield from _metric(
        "accepted_total", "counter", "Spans and events taken.", {f'kind="{kind}"': t.started for kind, t in things}
    )
    yield from _metric(
        "stored_total", "counter", "Of these: stored.", {f'kind="{kind}"': t.stored for kind, t in things}
    )
    yield from _metric(
        "waiting", "gauge", "Of these: waiting here.", {f'kind="{kind}"': t.spooled for kind, t in things}
    )
    yield from _metric(
        "dropped_total",
        "counter",
        "Of these: lost, by cause.",
        {f'kind="{kind}",cause="{cause}"': n for kind, tally in things for cause, n in tally.dropped.items()},
    )
    yield from _metric(
        "adopted_total", "counter", "Records of dead processes, stored from their spool.", {"": accounts.adopted}
    )
    yield from _metric(
        "absorbed_total",
        "counter",
        "Values withheld or described only, and defects that were survived, by place.",
        {f'place="{place}"': number for place, number in accounts.absorbed.items()},
    )
    yield from _metric(
        "store_failures", "gauge", "How often in a row the database did not take it.", {"": received.store_failures}
    )


def _metric(name: str, kind: str, text: str, samples: Mapping[str, int]) -> Iterator[str]:
    name = f"atlas_otel_collect_{name}"
    yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
    for labels, value in samples.items():
        yield f"{name}{'{' + labels + '}' if labels else ''} {value}\n"
