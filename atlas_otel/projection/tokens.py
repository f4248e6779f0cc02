"""Tokens of a session, summed over the innermost model calls: what a call around them says may be their sum. One that
two instrumentations saw (``doubling``) is one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.projection.session import TokenTotals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.projection.span_placer import SpanPlacer
    from atlas_otel.projection.tree import SpanKey


class TokenCount:
    """A running sum that is corrected where spans change their place.

    Of the agent's own calls; with ``governance``, of those of a teacher, judge or probe instead (``atlas.actor``).
    """

    def __init__(self, placer: SpanPlacer, *, governance: bool = False) -> None:
        self._placer = placer
        self._wanted = governance
        self._around: dict[SpanKey, SpanKey | None] = {}
        self._inner: dict[SpanKey, int] = {}
        self._counted: dict[SpanKey, TokenTotals] = {}
        self._prompt = self._completion = self._total = self._calls = 0

    @property
    def totals(self) -> TokenTotals:
        """The sum as it is now."""
        return TokenTotals(self._prompt, self._completion, self._total, self._calls)

    def update(self, touched: Iterable[SpanKey]) -> None:
        """Count again what has changed its place or its facts."""
        again, nodes = set(), self._placer.nodes
        for key in touched:
            held = key in self._around
            if not held and nodes[key].role != "llm":
                continue
            model = self._is_model(key)
            if not held and not model:
                continue
            again.add(key)
            if held and (above := self._around.pop(key)) is not None:
                self._inner[above] -= 1
                again.add(above)
            if model:
                above = self._placer.tree.nearest(key, self._is_model)
                self._around[key] = above
                if above is not None:
                    self._inner[above] = self._inner.get(above, 0) + 1
                    again.add(above)
        for key in again:
            self._count(key)

    def _is_model(self, key: SpanKey) -> bool:
        node = self._placer.nodes[key]
        return node.role == "llm" and (node.actor is not None) is self._wanted

    def _count(self, key: SpanKey) -> None:
        self._add(self._counted.pop(key, None), -1)
        if key in self._around and (not self._inner.get(key) or self._placer.is_doubled(key)):
            usage = self._placer.nodes[key].facts.usage
            tokens = TokenTotals(calls=1)
            if usage is not None:
                tokens = TokenTotals(usage.input_tokens or 0, usage.output_tokens or 0, usage.total, 1)
            self._counted[key] = tokens
            self._add(tokens, 1)

    def _add(self, tokens: TokenTotals | None, sign: int) -> None:
        if tokens is not None:
            self._prompt += sign * tokens.prompt
            self._completion += sign * tokens.completion
            self._total += sign * tokens.total
            self._calls += sign * tokens.calls
