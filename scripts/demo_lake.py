"""Record sessions, archive them into a lake, and build one dataset three ways: the three hashes are one.

An agent that works through tickets is recorded into a Postgres of this program's own; the records are archived into a
lake in a folder; then its training lines are made from Postgres (``export``), from the lake on this machine, and from
the lake on a Spark cluster of a master and two workers, which are started here. Exits 69 where Java is missing.
"""

from __future__ import annotations

import random
from typing import Any

import atlas_otel as atlas

_TASKS = ("Refund order {}", "Find the parcel of order {}", "Cancel the subscription of customer {}")
_UNAVAILABLE = 69


class Agent:
    """Works through tickets by rules; its model is none, but speaks as one does."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def work(self, number: int, *, steps: int = 3) -> None:
        """Record one ticket: a plan, steps that look, ask a model and are judged, one of them refused at first."""
        task = self.random.choice(_TASKS).format(number // 4)
        metadata: dict[str, Any] = {"tenant": f"shop-{number % 7}", "learning_key": f"ticket-{number % 50}"}
        if number % 10 == 0:
            metadata["conversation_id"] = f"conversation-{number // 20}"
        with atlas.session(task, metadata=metadata, tags=["demo-lake"]) as session:
            for at in range(1, steps + 1):
                self._step(task, at)
            session.final_answer = f"Done: {task.lower()}"
            if number % 5:
                atlas.record_reward(round(self.random.random(), 3), rationale="checked by rule", judge="rules")

    def _step(self, task: str, at: int) -> None:
        for attempt in (1, 2) if self.random.random() < 0.3 else (2,):
            with atlas.step(f"Do part {at} of it", id=at) as step:
                found = look_up(f"{task} ({at})", limit=self.random.randrange(1, 9))
                answer = complete(
                    messages=[
                        {"role": "system", "content": "You work through tickets. Price: 1e3 €, “naïve” ✓"},
                        {"role": "user", "content": f"{task}: what is to be done?\n{found}"},
                    ],
                    temperature=0.1 * at,
                )
                step.output = answer["choices"][0]["message"]["content"]
                atlas.set_validation(attempt == 2, reason="checked")
                atlas.record_reward(1.0 if attempt == 2 else 0.0, rationale="by its validation")
                if attempt == 1:
                    atlas.add_guidance("Name the order's number.")


@atlas.tool
def look_up(question: str, limit: int) -> list[dict[str, Any]]:
    """What the shop's database would say."""
    return [{"order": index, "state": "sent", "weight": 1e-7 * index, "total": 1e22} for index in range(limit)]


@atlas.llm(model="rules-1", provider="demo")
def complete(messages: list[dict[str, str]], temperature: float) -> dict[str, Any]:
    """An answer as a provider gives it."""
    said = f"I looked at it ({len(messages[-1]['content'])} characters): {messages[-1]['content'][:60]}"
    usage = {"prompt_tokens": 60, "completion_tokens": 20, "total_tokens": 80}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
    return {"id": "answer", "model": "rules-1", "choices": [choice], "usage": usage}


def record(url: str, sessions: int, *, seed: int = 1, large: int = 0) -> None:
    """Record so many tickets into the database ``url``; ``large``: one more, of so many steps."""
    telemetry = atlas.configure("demo-lake", database_url=url)
    agent = Agent(seed)
    for number in range(sessions):
        agent.work(number)
    if large:
        agent.work(sessions, steps=large)
    telemetry.flush(600)
    telemetry.shutdown()
