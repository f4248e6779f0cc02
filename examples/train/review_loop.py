"""Review and train, end to end: an agent runs, a reviewer decides, the approved answers train a model for a step.

    pip install 'atlas-otel[embedded]' trl
    python examples/train/review_loop.py              # asks you about each session
    python examples/train/review_loop.py --accept 0.5 # approves what was rewarded with at least 0.5

`TRAIN_PYTHON` names the Python of another environment to train in.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import atlas_otel as atlas
from atlas_otel.cli import main as command

URL = os.environ.setdefault("ATLAS_OTEL_DATABASE_URL", "embedded")
CAPITALS = {"Japan": "Tokyo", "Peru": "Lima", "France": "Lyon"}  # one of them is wrong


@atlas.llm(model="atlas-of-capitals", provider="in-process")
def complete(messages: list[dict]) -> dict:
    """Your model call goes here."""
    country = messages[-1]["content"].rpartition(" ")[2].rstrip("?")
    return {"role": "assistant", "content": CAPITALS[country]}


def review(key: str, question: str, said: str, reward: float, accept: float | None) -> None:
    """Approve or quarantine one session."""
    if accept is None:
        approved = input(f"{question} {said} (reward {reward}). Train on it? [y/n] ").startswith("y")
    else:
        approved = reward >= accept
    note = ["--note", "asked" if accept is None else f"reward {reward}"]
    if command(["review", "approve" if approved else "quarantine", key, *note, "--quiet"]):
        sys.exit("the review could not be stored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accept", type=float, help="approve rewards from here on without asking")
    asked = parser.parse_args()
    telemetry = atlas.configure("capitals", database_url=URL)
    recorded = []
    for country, right in {"Japan": "Tokyo", "Peru": "Lima", "France": "Paris"}.items():
        question = f"What is the capital of {country}?"
        with atlas.session(question, name="capitals") as session:
            session.final_answer = said = complete([{"role": "user", "content": question}])["content"]
            atlas.record_reward(float(said == right), rationale=f"it is {right}")
        recorded.append((session.id, question, said, float(said == right)))
    if not telemetry.flush(60):
        sys.exit("the sessions are not stored yet: see the line above")
    for row in recorded:
        review(*row, asked.accept)
    if command(["export", "--format", "chat", "--output", "chat.jsonl"]):
        sys.exit("nothing was approved")
    python = os.environ.get("TRAIN_PYTHON", sys.executable)
    subprocess.run([python, str(Path(__file__).with_name("one_step.py")), "chat.jsonl"], check=True)


if __name__ == "__main__":
    main()
