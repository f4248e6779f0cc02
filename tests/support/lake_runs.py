"""Sessions as several programs write them, for tests of a lake."""

from __future__ import annotations

import json
import random
from typing import Any

from atlas_otel import semconv
from atlas_otel.records.record import RANK_ENDED, RANK_ENDED_OTLP, EventRecord, Record, SpanRecord

BEGAN = 1_700_000_000_000_000_000
DAY = 86_400_000_000_000


def key_of(number: int) -> str:
    """The key of a session, and the id of its trace."""
    return f"a{number:031x}"


def ours(number: int, *, tools: int = 3, days: int = 0) -> list[Record]:
    """A session of a decorated program: its root, tools, and a note on each."""
    key, began = key_of(number), BEGAN + number * 1_000_000 + days * DAY
    records: list[Record] = []
    for index in range(tools + 1):
        attributes: dict[str, Any] = {semconv.ATLAS_INPUT: json.dumps(f"input {number}.{index} é")}
        if not index:
            attributes |= {semconv.ATLAS_TASK: f"task {number}", semconv.ATLAS_METADATA: json.dumps({"n": number})}
        span = SpanRecord(
            *(key, f"{number * 1000 + index + 1:016x}", None if not index else f"{number * 1000 + 1:016x}", key),
            *("invoke_agent a" if not index else "execute_tool t", "session" if not index else "tool", 1),
            *(began + index, began + 1000 - index, 1, None, attributes, (), (), "atlas_otel"),
            *({"service.name": "tests"}, RANK_ENDED, began + 1000),
        )
        note = json.dumps({"note": f"note {index}"})
        records += [span, EventRecord(*span.key, began + 10 * index + 1, key, semconv.EVENT_GUIDANCE, note)]
    return records


def others(number: int, *, calls: int = 2) -> list[Record]:
    """A trace of another instrumentation, which names no session: it is one by itself."""
    trace, began = f"b{number:031x}", BEGAN + number * 1_000_000
    root = f"{number * 1000 + 501:016x}"
    named = {semconv.GEN_AI_OPERATION_NAME: "invoke_agent", semconv.GEN_AI_AGENT_NAME: "theirs"}
    call = {semconv.GEN_AI_OPERATION_NAME: "chat", semconv.GEN_AI_REQUEST_MODEL: "m"}
    spans = [(root, None, "invoke_agent theirs", named)]
    spans += [(f"{number * 1000 + 502 + index:016x}", root, "chat m", call) for index in range(calls)]
    return [
        SpanRecord(
            *(trace, span_id, parent, None, name, None, 1, began + index, began + 500, 1, None, attributes),
            *((), (), "their.scope", {"service.name": "theirs"}, RANK_ENDED_OTLP, began + 500),
        )
        for index, (span_id, parent, name, attributes) in enumerate(spans)
    ]


def mixed(number: int) -> list[Record]:
    """A session of ours with a span of another instrumentation below a tool, that names no session."""
    records = ours(number)
    below = f"{number * 1000 + 2:016x}"
    call = {semconv.GEN_AI_OPERATION_NAME: "chat", semconv.GEN_AI_REQUEST_MODEL: "m"}
    began = BEGAN + number * 1_000_000 + 5
    return [
        *records,
        SpanRecord(
            *(key_of(number), f"{number * 1000 + 900:016x}", below, None, "chat m", None, 3, began, began + 1, 1),
            *(None, call, (), (), "their.scope", {"service.name": "theirs"}, RANK_ENDED_OTLP, began + 1),
        ),
    ]


def shuffled(records: list[Record], seed: int) -> list[Record]:
    """The records in another order, some of them twice."""
    chance = random.Random(seed)
    again = records + chance.sample(records, len(records) // 3)
    chance.shuffle(again)
    return again
