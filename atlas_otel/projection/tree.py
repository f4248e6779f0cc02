"""The spans of one session as a tree: of what has come, in whatever order; parents may be missing, late or foreign."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from atlas_otel.records.record import SpanRecord

SpanKey: TypeAlias = tuple[str, str]
"""(trace id, span id)."""


class SpanTree:
    """Spans by key, and who hangs under whom. A cycle, which only a forger makes, ends every walk."""

    def __init__(self) -> None:
        self.spans: dict[SpanKey, SpanRecord] = {}
        self._children: dict[SpanKey, set[SpanKey]] = {}
        self._by_span_id: dict[str, SpanKey] = {}

    def put(self, span: SpanRecord) -> None:
        """Add a span, or put a newer record of it in its place."""
        held = self.spans.get(span.key)
        if held is not None and held.parent_span_id != span.parent_span_id and held.parent_span_id is not None:
            self._children[held.trace_id, held.parent_span_id].discard(held.key)
        self.spans[span.key] = span
        if span.parent_span_id is not None:
            self._children.setdefault((span.trace_id, span.parent_span_id), set()).add(span.key)
        known = self._by_span_id.get(span.span_id)
        # Span ids repeat over traces only by chance or forgery: the smaller key answers, whatever came first.
        self._by_span_id[span.span_id] = span.key if known is None else min(known, span.key)

    def find(self, span_id: str) -> SpanKey | None:
        """The span with this id, in whatever trace."""
        return self._by_span_id.get(span_id)

    def parent(self, key: SpanKey) -> SpanKey | None:
        """The parent, where it is here."""
        span = self.spans.get(key)
        if span is None or span.parent_span_id is None:
            return None
        parent = (span.trace_id, span.parent_span_id)
        return parent if parent in self.spans else None

    def children(self, key: SpanKey) -> Iterable[SpanKey]:
        """The spans that name ``key`` as their parent, in no order."""
        return self._children.get(key, ())

    def ancestors(self, key: SpanKey) -> Iterator[SpanKey]:
        """From the parent upward, as far as the spans are here."""
        seen = {key}
        above = self.parent(key)
        while above is not None and above not in seen:
            yield above
            seen.add(above)
            above = self.parent(above)

    def nearest(self, key: SpanKey, wanted: Callable[[SpanKey], bool]) -> SpanKey | None:
        """The first ancestor that ``wanted`` says yes to."""
        return next((above for above in self.ancestors(key) if wanted(above)), None)

    def with_descendants(self, keys: Iterable[SpanKey]) -> set[SpanKey]:
        """``keys`` that are here, and everything below any of ``keys``."""
        return set(self.walk(keys))

    def walk(self, keys: Iterable[SpanKey]) -> Iterator[SpanKey]:
        """The same one by one, in no order: for those who stop at the first that they look for."""
        waiting = list(keys)
        seen = set(waiting)
        while waiting:
            key = waiting.pop()
            if key in self.spans:
                yield key
            for child in self.children(key):
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
