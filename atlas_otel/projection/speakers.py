"""In a session of another instrumentation: who was asked first, and who answered last. Pure.

Agents' own statements come before their model calls; calls beside an agent (a guard's, one for a title) say nothing of
the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.projection.statements import answered, asked, first_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlas_otel.projection.facts import Facts
    from atlas_otel.projection.node import Node
    from atlas_otel.projection.tree import SpanKey, SpanTree


class Speakers(NamedTuple):
    """The outermost agents in order of time, and the model calls that count: in agents, where there are any."""

    agents: Sequence[Node] = ()
    first_model: Node | None = None
    last_model: Node | None = None


def speakers(nodes: Mapping[SpanKey, Node], tree: SpanTree, root: SpanKey | None) -> Speakers:
    """Those of the session that begins with ``root``."""
    agents = {key for key, node in nodes.items() if node.facts.kind == "agent"}
    outermost = [
        nodes[key] for key in agents - {root} if not any(above in agents for above in _between(tree, key, root))
    ]
    calls = [node for node in nodes.values() if node.role == "llm"]
    if outermost and root not in agents:
        calls = [call for call in calls if any(above in agents for above in tree.ancestors(call.span.key))]
    said = [call for call in calls if call.facts.output_messages or call.facts.output]
    return Speakers(
        sorted(outermost, key=_by_start),
        min(calls, key=_by_start, default=None),
        max(said, key=_by_start, default=None),
    )


def _between(tree: SpanTree, key: SpanKey, root: SpanKey | None) -> Iterable[SpanKey]:
    return (above for above in tree.ancestors(key) if above != root)


def _by_start(node: Node) -> tuple[int, SpanKey]:
    return node.span.start_ns, node.span.key


def question(facts: Facts) -> str:
    """What a span was asked; empty where it does not say."""
    if facts.task:
        return facts.task
    return asked(facts.input_messages) or asked(facts.input)


def reply(facts: Facts) -> str:
    """What a span answered; empty where it does not say."""
    if facts.kind == "llm":
        return first_choice(facts.output_messages) or answered(facts.output)
    return answered(facts.output_messages) or answered(facts.output)
