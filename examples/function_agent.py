"""An agent that is one function, managed by Atlas: it is asked for a plan, for each step of it, and for the answer.

It works by rule on the text it is given, so that it runs without a key; put a model's call in its place.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import atlas_otel as atlas

STOP = {"an", "and", "are", "as", "at", "by", "for", "in", "is", "it", "of", "on", "or", "the", "to"}


@atlas.tool
def count_words(text: str, top: int) -> list[list[Any]]:
    words = (word for word in re.findall(r"[a-z]{2,}", text.lower()) if word not in STOP)
    return [[word, count] for word, count in Counter(words).most_common(top)]


@atlas.tool
def split_sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def main(prompt: str, metadata: dict[str, Any]) -> Any:
    text = metadata.get("session_text") or prompt
    if metadata["phase"] == "plan":
        return json.dumps(
            {
                "steps": [
                    {"id": 1, "description": "Find the words that the text is about", "tool": "count_words"},
                    {"id": 2, "description": "Find the sentence that says most", "depends_on": [1]},
                ]
            }
        )
    if metadata["phase"] == "synthesize":
        return str(metadata["step_results"][-1]["deliverable"])
    if metadata["step"]["id"] == 1:
        words = count_words(_task(text), top=3)
        return {"output": {"status": "ok", "words": words}, "trace": "counted the words that carry meaning"}
    found = json.loads(metadata["context"]["1"]["output_text"])["words"]
    best = max(split_sentences(_task(text)), key=lambda s: sum(s.lower().count(word) * n for word, n in found))
    return {"output": best, "deliverable": best, "trace": f"weighed each sentence by {[word for word, _ in found]}"}


def _task(prompt: str) -> str:
    """The text in what the agent was asked: ``Task: …``, up to the step."""
    found = re.search(r"Task: (.*?)(?:\n\nStep |\Z)", prompt, flags=re.DOTALL)
    return found[1] if found else prompt
