"""The accounts of this process as OpenTelemetry metrics, read when somebody collects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import metrics

from atlas_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Observation

    from atlas_otel.delivery.accounts import AccountsSnapshot, Tally

SPANS: Final = "atlas_otel.spans"
"""Spans of this process by ``state``: ``started``, ``stored``, ``open``, ``spooled``, ``dropped`` (with ``cause``)."""
EVENTS: Final = "atlas_otel.events"
"""The same of events."""
ABSORBED: Final = "atlas_otel.absorbed"
"""What is missing or odd and no span: values withheld, reports not recorded, exceptions kept from the program, by
``cause`` (``docs/reliability.md``)."""


def observe_accounts(snapshot: Callable[[], AccountsSnapshot]) -> None:
    """Offer the accounts to the meter provider in force, or to one that is set later."""
    meter = metrics.get_meter(semconv.SCOPE_NAME)

    def spans(_: CallbackOptions) -> Iterable[Observation]:
        return _observed(snapshot().spans)

    def events(_: CallbackOptions) -> Iterable[Observation]:
        return _observed(snapshot().events)

    def absorbed(_: CallbackOptions) -> Iterable[Observation]:
        return [metrics.Observation(number, {"cause": cause}) for cause, number in snapshot().absorbed.items()]

    meter.create_observable_gauge(SPANS, [spans], unit="{span}", description="What became of spans.")
    meter.create_observable_gauge(EVENTS, [events], unit="{event}", description="What became of events.")
    meter.create_observable_gauge(ABSORBED, [absorbed], unit="{occurrence}", description="What went amiss.")


def _observed(tally: Tally) -> list[Observation]:
    states = {"started": tally.started, "stored": tally.stored, "open": tally.open, "spooled": tally.spooled}
    found = [metrics.Observation(number, {"state": state}) for state, number in states.items()]
    return found + [
        metrics.Observation(number, {"state": "dropped", "cause": cause}) for cause, number in tally.dropped.items()
    ]
