"""Tokens of a session, summed over the innermost model calls that say what they used: what a call around them says may
be their sum, and one within it that says nothing hides nothing. One that two instrumentations saw (``doubling``) is one
call."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.projection.session import TokenTotals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.calls.model_call import Usage
    from atlas_otel.projection.span_placer import SpanPlacer
    from atlas_otel.projection.tree import SpanKey

_DETAILS: Final = ("cached_tokens", "cache_write_tokens", "reasoning_tokens")
_COST: Final = "cost"
_UNPRICED: Final = "unpriced"
_MOST: Final = 1e6
"""US dollars: what says that it cost more is wrong."""


class _Around(NamedTuple):
    """The calls around a call: the nearest, and those whose use of tokens is this one's."""

    nearest: SpanKey | None
    spent: tuple[SpanKey, ...]


class TokenCount:
    """A running sum that is corrected where spans change their place.

    Of the agent's own calls; with ``governance``, of those of a teacher, judge or probe instead (``atlas.actor``).
    """

    def __init__(self, placer: SpanPlacer, *, governance: bool = False) -> None:
        self._placer = placer
        self._wanted = governance
        self._around: dict[SpanKey, _Around] = {}
        self._inner: Counter[SpanKey] = Counter()
        self._spent_within: Counter[SpanKey] = Counter()
        self._calls: set[SpanKey] = set()
        self._counted: dict[SpanKey, tuple[Usage, int | bool | None]] = {}
        self._sums: Counter[str] = Counter()
        self._known: Counter[str] = Counter()

    @property
    def totals(self) -> TokenTotals:
        """The sum as it is now."""
        sums = self._sums
        cached, written, reasoned = (sums[name] if self._known[name] else None for name in _DETAILS)
        cost = sums[_COST] if self._known[_COST] else None
        return TokenTotals(
            sums["input"], sums["output"], sums["total"], len(self._calls),
            cached, written, reasoned, cost, self._known[_UNPRICED],
        )  # fmt: skip

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
            if held:
                again.update(self._note(self._around.pop(key), -1))
            if model:
                around = self._around[key] = self._look_around(key)
                again.update(self._note(around, 1))
        for key in again:
            self._count(key)

    def _note(self, around: _Around, sign: int) -> Iterable[SpanKey]:
        if around.nearest is not None:
            self._inner[around.nearest] += sign
        for key in around.spent:
            self._spent_within[key] += sign
        return around.spent if around.nearest is None else (around.nearest, *around.spent)

    def _look_around(self, key: SpanKey) -> _Around:
        """What one says it used, those around it say too: up to the first that says so itself."""
        tree = self._placer.tree
        if self._usage(key) is None:
            return _Around(tree.nearest(key, self._is_model), ())
        models = []
        for above in tree.ancestors(key):
            if self._is_model(above):
                models.append(above)
                if self._usage(above) is not None:
                    break
        return _Around(models[0] if models else None, tuple(models))

    def _is_model(self, key: SpanKey) -> bool:
        node = self._placer.nodes[key]
        return node.role == "llm" and (node.actor is not None) is self._wanted

    def _usage(self, key: SpanKey) -> Usage | None:
        return self._placer.nodes[key].facts.usage

    def _count(self, key: SpanKey) -> None:
        held, doubled = key in self._around, self._placer.is_doubled(key)
        (self._calls.add if held and (doubled or not self._inner[key]) else self._calls.discard)(key)
        if (before := self._counted.pop(key, None)) is not None:
            self._add(*before, -1)
        usage = self._usage(key) if held and (doubled or not self._spent_within[key]) else None
        if usage is not None:
            self._counted[key] = usage, self._cost(key)
            self._add(*self._counted[key], 1)

    def _cost(self, key: SpanKey) -> int | bool | None:
        """In billionths of a US dollar; False where it was looked for in vain, None where it was not."""
        said = self._placer.nodes[key].span.attributes
        cost = said.get(semconv.ATLAS_COST_USD)
        if isinstance(cost, (int, float)) and 0 <= cost < _MOST:
            return round(cost * 1e9)
        return False if said.get(semconv.ATLAS_COST_UNKNOWN) is True else None

    def _add(self, usage: Usage, cost: int | bool | None, sign: int) -> None:
        if cost is False:
            self._known[_UNPRICED] += sign
        elif cost is not None:
            self._sums[_COST] += sign * cost
            self._known[_COST] += sign
        self._sums["input"] += sign * (usage.input_tokens or 0)
        self._sums["output"] += sign * (usage.output_tokens or 0)
        self._sums["total"] += sign * usage.total
        for name in _DETAILS:
            if (number := getattr(usage, name)) is not None:
                self._sums[name] += sign * number
                self._known[name] += sign
