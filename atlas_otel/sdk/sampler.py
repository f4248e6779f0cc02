"""Sampling decides what exporters show, never what is stored.

A span that a sampler drops reaches no processor at all. Inside a session of ours, and for the spans of agents and
models, :class:`KeepSessions` turns DROP into RECORD_ONLY: processors see the span, exporters do not, and neither the
sampled flag nor the inner sampler's share changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from atlas_otel.sdk.readable import is_gen_ai
from atlas_otel.tracing.context import session_key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes


class KeepSessions(Sampler):
    """``inner``, except that nothing of a session is dropped, under an unsampled remote parent neither."""

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The inner sampler's decision, or RECORD_ONLY in place of its DROP."""
        result = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is not Decision.DROP:
            return result
        if is_gen_ai(attributes) or session_key_of(parent_context) is not None:
            # A dropping result carries no attributes by convention; the span's own are these.
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        """Names the inner sampler too."""
        return f"KeepSessions{{{self._inner.get_description()}}}"
