"""A model call's record with what the call cost, where its price is known. Pure, but for the prices installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel import semconv
from atlas_otel.calls.prices import Spent, available, cost_usd
from atlas_otel.projection.dialects import facts_of
from atlas_otel.projection.unread import is_known
from atlas_otel.records.record import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import AttributeValue, EventRecord


def priced(records: Sequence[SpanRecord | EventRecord]) -> Sequence[SpanRecord | EventRecord]:
    """The records, model calls that are over with their cost; the very same where no prices are installed."""
    return [_priced(one) if type(one) is SpanRecord else one for one in records] if available() else records


def cost_of(facts: Facts, start_ns: int) -> dict[str, AttributeValue]:
    """What a span with these facts says of its cost: nothing where it is no model call that says what it used."""
    usage = facts.usage
    if facts.kind != "llm" or usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return {}
    spent = Spent(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cache_write_tokens)
    cost = None
    for model in dict.fromkeys((facts.response_model, facts.model)):  # what answered, else what was asked for
        cost = cost if cost is not None else cost_usd(model, facts.provider, spent, start_ns)
    return {semconv.ATLAS_COST_UNKNOWN: True} if cost is None else {semconv.ATLAS_COST_USD: cost}


def _priced(span: SpanRecord) -> SpanRecord:
    if span.end_ns is None or not (span.kind == "llm" or (span.kind is None and is_known(span.attributes))):
        return span
    if semconv.ATLAS_COST_USD in span.attributes or semconv.ATLAS_COST_UNKNOWN in span.attributes:
        return span
    cost = cost_of(facts_of(span), span.start_ns)
    return span._replace(attributes={**span.attributes, **cost}) if cost else span
