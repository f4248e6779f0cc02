"""A recorded run with all that trainers stumble over, and the datasets that are made of it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from tests.integration.conftest import peer_python

__all__ = ["peer_python"]

Json = dict[str, Any]
NUMBERS = 5
TOOL: Json = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "description": "one"},
                "b": {"type": "integer", "description": "the other"},
            },
            "required": ["a", "b"],
        },
    },
}


class Model:
    """A scripted model that keeps what it was sent and what it answered."""

    def __init__(self) -> None:
        self.log: list[tuple[list[Json], Json]] = []

        @atlas.llm(model="scripted", provider="none")
        def complete(messages: list[Json], reply: Json, tools: list[Json] | None = None) -> Json:
            self.log.append((json.loads(json.dumps(messages)), reply))
            reason = "tool_calls" if reply.get("tool_calls") else "stop"
            return {"choices": [{"message": reply, "finish_reason": reason}]}

        self.complete = complete


def call(number: int, a: int) -> Json:
    """As a model calls a tool; ids of nine letters and digits, as Mistral's templates ask for."""
    function = {"name": "add", "arguments": json.dumps({"b": a, "a": a})}
    return {"id": f"call{number:05d}", "type": "function", "function": function}


def record(url: str, model: Model) -> None:
    """Each task is run twice, right and wrong; each run guesses, fails, and tries again with two tools at once."""
    with recording() as records:
        for number in range(NUMBERS):
            for right in (True, False):
                with atlas.session(f"Sum of {number}", tags=["sums"]):
                    run(model, number, right=right)
                    atlas.record_reward(float(right))
        with atlas.session("Look", tags=["images"]):
            image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
            asked = {"role": "user", "content": [{"type": "text", "text": "USER what is this?"}, image]}
            model.complete([asked], {"role": "assistant", "content": "ASSISTANT a dot"})
            atlas.record_reward(1.0)
    with PostgresStore(url) as store:
        store.write(records.all)
        store.project()


def run(model: Model, number: int, *, right: bool) -> None:
    messages: list[Json] = [
        {"role": "system", "content": "SYSTEM be brief."},
        {"role": "user", "content": f"USER {number} + {number}, and twice that?"},
    ]
    with contextlib.suppress(ValueError), atlas.step("Sum", id=1):
        model.complete(messages, {"role": "assistant", "content": f"ASSISTANT guess {number}"}, [TOOL])
        raise ValueError("a guess")
    with atlas.step("Sum", id=1):
        calling = {
            "role": "assistant",
            "content": "ASSISTANT both at once.",
            "reasoning_content": "ASSISTANT thinks.",
            "tool_calls": [call(1, number), call(2, 2 * number)],
        }
        model.complete(messages, calling, [TOOL])
        sent_back = {key: value for key, value in calling.items() if key != "reasoning_content"}
        results = [
            {"role": "tool", "tool_call_id": f"call{n:05d}", "content": f"TOOL {2 * n * number}"} for n in (1, 2)
        ]
        answer = f"ASSISTANT {2 * number if right else 'no'} and {4 * number}"
        model.complete([*messages, sent_back, *results], {"role": "assistant", "content": answer}, [TOOL])


@pytest.fixture(scope="session")
def judge():
    """Run a judge in an environment of the trainers."""

    def run(peer_python: Any, script: str, *arguments: str, home: Path, environment: str = "training") -> str:
        done = subprocess.run(
            [peer_python(environment), str(Path(__file__).parent / "judges" / script), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "CUDA_VISIBLE_DEVICES": ""},
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return run
