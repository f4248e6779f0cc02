"""The tracer provider in force: what its sampler and limits do to spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.doctor.finding import Finding, ok, warn
from atlas_otel.sdk.own_provider import OwnProvider

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_FEW: Final = 128
"""OpenTelemetry's own default for attributes, events and links of a span."""
_KEEPS_ALL: Final = ("AlwaysOnSampler", "ParentBased{root:AlwaysOnSampler")


def examine_provider(provider: TracerProvider) -> list[Finding]:
    """What a provider keeps. Our own spans are stored whole in any case: their records come from the call itself."""
    sampler: Any = getattr(provider, "sampler", None)
    described = sampler.get_description() if sampler is not None else "an unknown sampler"
    if isinstance(provider, OwnProvider):
        return [ok("provider", f"ours; {described}: it decides what is sent, never what is stored")]
    found = [_sampling(described)]
    limits: Any = getattr(provider, "_span_limits", None)
    tight = [
        f"{name} {value}"
        for name in ("max_span_attributes", "max_attributes", "max_events", "max_span_attribute_length")
        if isinstance(value := getattr(limits, name, None), int)
        and (value < _FEW or name == "max_span_attribute_length")
    ]
    if tight:
        said = f"others' spans are cut to {', '.join(tight)}; ours are, in Jaeger only"
        found.append(
            warn("limits", said, "raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and its kin, or the provider's SpanLimits")
        )
    else:
        found.append(ok("limits", "the provider's are OpenTelemetry's own, or wider"))
    return found


def _sampling(described: str) -> Finding:
    if described.startswith(_KEEPS_ALL):
        return ok("provider", f"adopted from the program; {described} keeps every span")
    todo = "have the program sample in the Collector, or let atlas_otel.configure() make the provider"
    said = f"adopted from the program; {described} drops spans of others: Postgres does not get those either"
    return warn("provider", said, todo)
