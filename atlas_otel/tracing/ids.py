"""Trace and span ids that an agent's own ``random.seed`` cannot repeat.

The SDK's generator draws from the global ``random``: a program that seeds it gets the same ids in every run, and a
store keyed by them then overwrites an earlier run.
"""

from __future__ import annotations

import os
import random

from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

from atlas_otel.process import fork

# A generator of our own: its getrandbits is one C call, so it needs no lock; seeded from the system.
_source = random.Random()  # noqa: S311 - ids have to differ, not to be secret


def _reseed() -> None:
    _source.seed(os.urandom(32))


_reseed()
fork.in_child(_reseed)  # else parent and child would go on with the same ids

_DROPPED = TraceFlags(TraceFlags.DEFAULT)


class AtlasIdGenerator(IdGenerator):
    """Random ids; immune to ``random.seed``, and different in every forked process. Thread-safe."""

    def generate_span_id(self) -> int:
        """A non-zero 64-bit id."""
        while True:
            if span_id := _source.getrandbits(64):
                return span_id

    def generate_trace_id(self) -> int:
        """A non-zero 128-bit id."""
        while True:
            if trace_id := _source.getrandbits(128):
                return trace_id

    def is_trace_id_random(self) -> bool:
        """True: all bits are (W3C trace context, random-trace-id flag)."""
        return True


def child_of(parent: SpanContext, *, ids: IdGenerator | None = None, root_flags: TraceFlags = _DROPPED) -> SpanContext:
    """Ids of a new span: in ``parent``'s trace where that is valid, with its flags; else in a trace of its own."""
    ids = ids or _ids
    if parent.is_valid:
        return SpanContext(parent.trace_id, ids.generate_span_id(), False, parent.trace_flags, parent.trace_state)
    return SpanContext(ids.generate_trace_id(), ids.generate_span_id(), False, root_flags)


_ids = AtlasIdGenerator()
