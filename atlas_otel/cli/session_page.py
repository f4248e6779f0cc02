"""One session on a terminal: what it was about and came to, then its tree of steps, tools and model calls."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.cli.tables import dollars, name, number, seconds
from atlas_otel.console.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from atlas_otel.console.plain_text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from atlas_otel.look.session_tree import TreeNode
    from atlas_otel.models.rows import SessionRows

_PIPE_WIDTH: Final = 160
_SHOWN: Final = 160
"""Characters of an argument or a result, unless all of it is asked for."""
_KEYS: Final = {"agent_name": "agent", "learning_key": "learning key", "conversation_id": "conversation"}
_STATUS: Final = {"succeeded": GREEN, "failed": f"bold {RED}", "running": ORANGE}


class Head(NamedTuple):
    """The names of a session: its key, its number (None: its rows are not computed yet), and where its traces show."""

    key: str
    id: int | None
    traces: Sequence[str]


def print_session(head: Head, rows: SessionRows | None, trees: Sequence[TreeNode], *, whole: bool) -> None:
    """Print the page of one session; ``whole``: arguments, results and texts in full."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, markup=False, highlight=False, width=None if terminal else _PIPE_WIDTH)
    for label, text, style in _facts(head, rows, whole=whole):
        _labelled(console, label, text, style)
    console.print()
    for tree in trees:
        for depth, node in tree.walk():
            _branch(console, depth, node, whole=whole)


def _facts(head: Head, rows: SessionRows | None, *, whole: bool) -> Iterator[tuple[str, str, str]]:
    """What stands above the tree: label, text and style."""
    yield "session", head.key if head.id is None else f"{head.id}  {head.key}", "bold"
    if rows is not None:
        session, metadata = rows.session, rows.session.metadata
        yield "status", session.status, _STATUS.get(session.status, "")
        yield "task", _cut(session.task, whole=whole), ""
        yield "answer", _cut(session.final_answer or "-", whole=whole), ""
        yield from _reward(session.reward)
        yield from _usage(metadata)
        for key, label in _KEYS.items():
            if isinstance(value := metadata.get(key), str):
                yield label, value, ""
        steps = rows.plan.get("steps")
        for index, step in enumerate(steps if isinstance(steps, list) else []):
            if isinstance(step, dict):
                yield (
                    "" if index else "plan",
                    f"{step.get('id')}. {_cut(str(step.get('description')), whole=whole)}",
                    "",
                )
    for index, address in enumerate(head.traces):
        yield "" if index else "trace", address, BLUE


def _reward(reward: Any) -> Iterator[tuple[str, str, str]]:
    score = reward.get("score") if isinstance(reward, dict) else None
    if isinstance(reward, dict) and isinstance(score, (int, float)):
        rationale = reward.get("rationale")
        yield "reward", f"{score:.2f}  {rationale}" if isinstance(rationale, str) else f"{score:.2f}", ""


def _usage(metadata: Any) -> Iterator[tuple[str, str, str]]:
    usage = metadata.get("token_usage")
    if isinstance(usage, dict) and usage.get("total_tokens"):
        total, read, written = (usage.get(key) for key in ("total_tokens", "prompt_tokens", "completion_tokens"))
        calls = f"{usage.get('calls')} model call{'' if usage.get('calls') == 1 else 's'}"
        yield "tokens", f"{number(total)} ({number(read)} in, {number(written)} out), {calls}", ""
    if isinstance(cost := metadata.get("cost"), dict):
        usd, unknown = cost.get("usd"), cost.get("unknown_calls")
        known = [dollars(usd)] if isinstance(usd, (int, float)) else []
        missing = [f"unknown for {unknown} call{'' if unknown == 1 else 's'}"] if unknown else []
        yield "cost", ", ".join([*known, *missing]), ""


def _labelled(console: Console, label: str, text: str, style: str) -> None:
    _hanging(console, f"{label:<13}", GREY, text, style)


def _branch(console: Console, depth: int, node: TreeNode, *, whole: bool) -> None:
    from rich.text import Text

    indent = "  " * depth
    line = Text(indent)
    line.append(f"{node.kind} ", style=GREY)
    line.append(name(node.name, 70), style="bold" if node.kind in ("session", "step", "agent") else "")
    for part in _measures(node):
        line.append(f"  {part}", style=GREY)
    if node.status == "failed":
        line.append("  failed", style=_STATUS["failed"])
    console.print(line, soft_wrap=True)
    for label, text, style in _details(node):
        _hanging(console, f"{indent}    {label} ", GREY, _cut(text, whole=whole), style)


def _measures(node: TreeNode) -> Iterator[str]:
    yield "running" if node.duration_ms is None else seconds(node.duration_ms / 1000)
    if node.tokens is not None:
        yield f"{number(node.tokens)} tokens"
    if node.first_chunk_s is not None:
        yield f"first after {seconds(node.first_chunk_s)}"
    if node.cost_usd is not None:
        yield dollars(node.cost_usd)
    elif node.cost_unknown:
        yield "cost unknown"
    if node.score is not None:
        yield f"reward {node.score:.2f}"


def _details(node: TreeNode) -> Iterator[tuple[str, str, str]]:
    """The lines below a node's: label, text and style. A model call's messages are on its page in Jaeger."""
    if node.kind == "tool":
        if node.input:
            yield "in ", node.input, ""
        if node.output:
            yield "out", node.output, ""
    rejected = node.valid is False and node.error.startswith(semconv.ERROR_VALIDATION_FAILED)
    if node.error and not rejected:
        yield "error", node.error, RED
    if node.valid is not None:
        verdict = "passed" if node.valid else "rejected"
        yield verdict, node.reason, GREEN if node.valid else RED
    if node.rationale:
        yield "judged", node.rationale, ""
    for note in node.guidance:
        yield "guidance", note, PURPLE


def _hanging(console: Console, label: str, label_style: str, text: str, style: str) -> None:
    """``text`` behind ``label``, its further lines below its first."""
    from rich.text import Text

    lines: Iterable[Text] = Text(clean(text).expandtabs(4)).wrap(console, max(20, console.width - len(label))) or [
        Text()
    ]
    for index, line in enumerate(lines):
        shown = Text()
        shown.append(label if index == 0 else " " * len(label), style=label_style)
        shown.append(line.plain, style=style)
        shown.rstrip()
        console.print(shown, soft_wrap=True)


def _cut(text: str, *, whole: bool) -> str:
    if whole:
        return text
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
