"""Programs whose runs fill a database for the page: real decorated agents, run in a process of their own.

python -m tests.support.reviewable DATABASE_URL support|many N|large N|strange|silent|growing SECONDS
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import atlas_otel as atlas

ROOT = Path(__file__).parents[2]

HOSTILE = (
    "<img src=x onerror=\"document.title='hit'\"><script>window.hit = 1</script>{{7*7}}${window.hit=1}"
    " javascript:alert(1) \u202egnol\u202c \u0000 " + "\u0301" * 40
)
TONGUES = (
    "把这份报告翻译成英文 · لخّص هذا التقرير في ثلاث جمل · Сформулируй ответ клиенту · रिपोर्ट का सार लिखो · 🧭👩🏽‍🚀"
)

SYSTEM = (
    "You are a support engineer for an online shop. Find the order with the tools before you answer. Never promise a "
    "refund that the policy does not allow. Answer in at most four sentences, in the customer's language."
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Orders of a customer, the newest first.",
            "parameters": {"type": "object", "properties": {"customer": {"type": "string"}}, "required": ["customer"]},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "read_policy",
            "description": "The section of the policy on a topic.",
            "parameters": {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
        },
    },
]
CASES = (
    ("Ana Duarte", "A parcel arrived broken; she wants her money back, not another one.", "damaged", 0.31, 0.94),
    ("Kwame Boateng", "He was charged twice for order 20417.", "billing", 0.42, 0.88),
    ("Mei-Ling Chen", "Her discount code is refused at the checkout.", "discounts", None, 0.97),
    ("Jonas Weber", "He wants to change the address of an order that left yesterday.", "shipping", 0.2, 0.55),
    ("Priya Nair", "The headphones stopped working after fourteen months.", "warranty", None, 0.91),
    ("Tomás Rivera", "He asks where his order is; the tracking has not moved for six days.", "shipping", None, 0.83),
)


def png(size: int = 96) -> str:
    """A small picture, made here."""
    rows = b"".join(
        b"\x00" + b"".join(struct.pack("BBB", 60 + x, 76 + y // 2, 196 - (x * y) % 90) for x in range(size))
        for y in range(size)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(whole).decode()


def answered(text: str | None, calls: list[dict[str, Any]] | None = None, thought: str = "", tokens: int = 0) -> Any:
    """An answer as OpenAI's chat API gives it."""
    said: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        said["tool_calls"] = calls
    if thought:
        said["reasoning_content"] = thought
    return {
        "model": "gpt-5-mini-2026-08",
        "choices": [{"index": 0, "message": said, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": 640 + tokens, "completion_tokens": 90 + tokens // 8, "total_tokens": 730 + tokens},
    }


def called(number: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


@atlas.llm(model="gpt-5-mini", provider="openai")
async def complete(messages: list[dict[str, Any]], tools: list[dict[str, Any]], answer: Any) -> Any:
    """Stands for a server: it gives what it is told to, and takes a moment."""
    await asyncio.sleep(0.02)
    return answer


@atlas.tool
async def find_order(customer: str) -> list[dict[str, Any]]:
    await asyncio.sleep(0.01)
    return [
        {"order": 20417, "item": "Alder desk lamp", "paid": 48.9, "state": "delivered", "days_ago": 3},
        {"order": 19880, "item": "Wool blanket", "paid": 72.0, "state": "delivered", "days_ago": 41},
    ]


@atlas.tool
async def read_policy(topic: str) -> str:
    await asyncio.sleep(0.015)
    return (
        "Damaged on arrival: within 14 days the customer chooses between a refund and a replacement; photographs are "
        f"asked for above 40.00. Section: {topic}."
    )


@atlas.tool
async def refund(order: int, amount: float) -> dict[str, Any]:
    if amount > 48.9:
        raise ValueError(f"the order was {48.9:.2f}: {amount:.2f} cannot be refunded")
    return {"order": order, "refunded": amount}


@atlas.session(name="support-agent", tags=["support", "nightly"])
async def support(task: str, case: tuple[str, str, str, float | None, float]) -> str:
    name, text, topic, first, last = case
    atlas.set_plan(
        [
            {"id": 1, "description": f"Find {name}'s order and what the policy says", "tool": "find_order"},
            {"id": 2, "description": "Draft the reply", "depends_on": [1]},
        ]
    )
    ask = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{name} writes: {text}"}]
    with atlas.step(f"Find {name}'s order and what the policy says", id=1) as step:
        calls = [called("c1", "find_order", {"customer": name}), called("c2", "read_policy", {"topic": topic})]
        thought = "I need the order and the policy; both can be read at once."
        said = answered(None, calls, thought)
        await complete(ask, TOOLS, said)
        orders, policy = await asyncio.gather(find_order(name), read_policy(topic))
        step.output = {"orders": orders, "policy": policy}
        atlas.set_validation(True, reason="Order and policy were found.")
        atlas.record_reward(0.9, rationale="Both sources were read before anything was promised.")
    heard = [
        *ask,
        said["choices"][0]["message"],
        {"role": "tool", "tool_call_id": "c1", "content": json.dumps(orders)},
        {"role": "tool", "tool_call_id": "c2", "content": policy},
    ]
    good = {
        "to": name,
        "reply": f"Dear {name.split()[0]},\nI am sorry about that. You can choose: your money back, or a new one.\n"
        "For a refund of 48.90 please send one photograph of the damage; it is with you within five days.",
        "promises": ["refund of 48.90", "five days"],
        "policy": topic,
    }
    bad = {
        "to": name,
        "reply": f"Dear {name.split()[0]},\nI am sorry about that. We send you a new one today.\n"
        "For a refund of 72.00 please wait; it is with you within five days.",
        "promises": ["replacement", "refund of 72.00"],
        "policy": topic,
    }
    if first is not None:
        with atlas.step("Draft the reply", id=2) as step:
            await complete(heard, TOOLS, answered(json.dumps(bad), tokens=320))
            try:
                await refund(20417, 72.0)
            except ValueError:
                step.output = bad
            atlas.set_validation(False, reason="It promises both a replacement and a refund, and of the wrong order.")
            atlas.record_reward(first, rationale="The amount is that of another order.")
            atlas.add_guidance("Use order 20417: 48.90. Let the customer choose, and ask for one photograph.")
    with atlas.step("Draft the reply", id=2) as step:
        await complete(
            heard, TOOLS, answered(json.dumps(good), thought="48.90 is above 40.00: ask for a photograph.", tokens=410)
        )
        step.output = good
        atlas.set_validation(True, reason="Amount, choice and photograph agree with the policy.")
        atlas.record_reward(last, rationale="Right, short, and in the customer's interest.")
    atlas.record_reward(last, rationale="The reply can be sent as it is.", judge="policy-judge")
    return good["reply"]


@atlas.session(name="clerk")
async def clerk(task: str, number: int) -> str:
    with atlas.step("Answer", id=1) as step:
        await complete([{"role": "user", "content": task}], [], answered(f"Answer {number}", tokens=number))
        step.output = f"Answer {number}"
    atlas.record_reward((number % 10) / 10)
    return f"Answer {number}"


@atlas.session(name="walker")
async def walker(task: str, calls: int) -> str:
    for number in range(calls):
        await look(number)
    return f"{calls} rooms"


@atlas.tool
async def look(room: int) -> str:
    return f"room {room}: a table, a lamp and a door to room {room + 1}"


@atlas.session(name=HOSTILE[:60])
async def strange(task: str) -> str:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png()}"}}
    remote = {"type": "image_url", "image_url": {"url": "https://tracker.invalid/pixel.png"}}
    parts = [{"type": "text", "text": HOSTILE}, {"type": "text", "text": TONGUES}, image, remote]
    with atlas.step(HOSTILE, id=1) as step:
        await complete(
            [{"role": "system", "content": HOSTILE}, {"role": "user", "content": parts}], [], answered(HOSTILE)
        )
        step.output = {HOSTILE: [HOSTILE, TONGUES]}
        atlas.set_validation(False, reason=HOSTILE)
        atlas.add_guidance(HOSTILE)
    with atlas.step(HOSTILE, id=1) as step:
        step.output = {HOSTILE: [TONGUES]}
    raise RuntimeError(HOSTILE)


@atlas.session(name="watched")
async def growing(task: str, seconds: float) -> str:
    for number in range(int(seconds)):
        with atlas.step(f"Watch hour {number + 1}", id=number + 1) as step:
            await look(number)
            step.output = f"hour {number + 1}"
        atlas.flush()
        await asyncio.sleep(1)
    return "watched"


async def _work(what: str, number: int) -> None:
    if what == "support":
        for case in CASES:
            await support(f"Draft a reply to {case[0]}. {case[1]}", case)
    elif what == "many":
        for one in range(number):
            await clerk(f"Question {one + 1}", one + 1)
    elif what == "large":
        await walker(f"Walk through {number} rooms", number)
    elif what == "growing":
        await growing("Watch the queue", number)
    else:
        with contextlib.suppress(RuntimeError):
            await strange(HOSTILE + TONGUES)


def main() -> None:
    url, what, *rest = sys.argv[1:]
    telemetry = atlas.configure("reviewable", database_url=url, capture_content=what != "silent")
    asyncio.run(_work("many" if what == "silent" else what, int(rest[0]) if rest else 1))
    telemetry.flush(60)
    telemetry.shutdown()


def fill(database_url: str, what: str, *arguments: object) -> None:
    """Run one of the programs into the database, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ATLAS_"))}
    command = [sys.executable, "-m", "tests.support.reviewable", database_url, what, *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, env=kept, timeout=300)


if __name__ == "__main__":
    main()
