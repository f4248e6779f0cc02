"""An agent that learns a game from its own recorded runs: higher or lower, eight numbers, three guesses.

Each round it plays, is recorded and scored, what was recorded is exported (``rl``, with advantages among the runs of a
task), and a tiny model is trained on that file and on nothing else. Then the same with the rewards shuffled among the
runs, which must teach it nothing. Needs ``pip install 'atlas-otel[embedded]' torch``; takes some minutes on a CPU.

    python examples/train/number_game.py --plot docs/images/number-game.svg
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

import atlas_otel as atlas
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.training.options import RowOptions

NUMBERS, GUESSES = 8, 3
BEST = 7 / 8  # halving finds seven of eight numbers within three guesses
ASKED = {"role": "user", "content": "Find my number. It is from 0 to 7."}
WORDS = [ASKED["content"], *map(str, range(NUMBERS)), "higher", "lower"]
ADVANTAGES = RowOptions(unit="session", normalise="group")


class Policy(nn.Module):
    """What was said so far → how likely each guess is."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(WORDS), 32)
        self.memory = nn.GRU(32, 64, batch_first=True)
        self.guess = nn.Linear(64, NUMBERS)

    def forward(self, said: torch.Tensor) -> torch.Tensor:
        return self.guess(self.memory(self.words(said))[0][:, -1])


def heard(messages: list[dict]) -> list[int]:
    return [WORDS.index(message["content"]) for message in messages]


class Player:
    """The agent: asks its model for a guess, hears higher or lower, guesses again."""

    def __init__(self, policy: Policy) -> None:
        @atlas.llm(model="tiny-policy", provider="in-process")
        def complete(messages: list[dict]) -> dict:
            with torch.no_grad():
                odds = policy(torch.tensor([heard(messages)]))[0]
            said = int(torch.distributions.Categorical(logits=odds).sample())
            return {"role": "assistant", "content": str(said)}

        self.complete = complete

    def play(self, secret: int) -> tuple[str, float]:
        """One game; its session, and 1 where the number was found."""
        with atlas.session(f"Find number {secret}", name="player") as session:
            messages = [ASKED]
            for _ in range(GUESSES):
                answer = self.complete(messages)
                if int(answer["content"]) == secret:
                    return session.id, 1.0
                hint = "higher" if secret > int(answer["content"]) else "lower"
                messages = [*messages, answer, {"role": "user", "content": hint}]
            return session.id, 0.0


def train(policy: Policy, optimiser: torch.optim.Optimizer, lines: Path) -> None:
    """Make what was said more likely by its advantage: nothing is read but the exported rows."""
    by_length: dict[int, list[tuple[list[int], int, float]]] = {}
    count = 0
    for line in lines.read_text().splitlines():
        row = json.loads(line)
        messages = row["prompt"] + row["completion"]
        for number, turn in enumerate(row["turns"], start=len(row["prompt"])):
            if turn["by"] == "model" and row["advantage"] is not None:
                before = heard(messages[:number])
                by_length.setdefault(len(before), []).append(
                    (before, int(messages[number]["content"]), row["advantage"])
                )
                count += 1
    for _ in range(4):
        loss = torch.zeros(())
        for rows in by_length.values():
            said, wrote, worth = zip(*rows, strict=True)
            likely = torch.log_softmax(policy(torch.tensor(said)), -1)[range(len(rows)), list(wrote)]
            loss = loss - (likely * torch.tensor(worth)).sum()
        optimiser.zero_grad()
        (loss / max(count, 1)).backward()
        optimiser.step()


def learn(folder: Path, database: str, *, rounds: int, games: int, shuffled: bool) -> list[float]:
    """How often the number was found, round after round; the last is after the last training."""
    torch.manual_seed(1)
    random.seed(1)
    policy = Policy()
    optimiser = torch.optim.Adam(policy.parameters(), lr=1e-2)
    player = Player(policy)
    telemetry = atlas.configure("number-game", database_url=database, console=False)
    found = []
    try:
        for number in range(rounds + 1):
            played = [player.play(secret) for secret in range(NUMBERS) for _ in range(games)]
            rewards = [reward for _, reward in played]
            found.append(sum(rewards) / len(rewards))
            print(f"{'shuffled' if shuffled else 'recorded'} rewards, round {number}: {found[-1]:.3f}", file=sys.stderr)
            if number == rounds:
                break
            if shuffled:
                random.shuffle(rewards)
            for (session, _), reward in zip(played, rewards, strict=True):
                atlas.record_reward(reward, session_id=session)
            if not telemetry.flush(60):
                raise SystemExit("not everything was stored within a minute")
            lines = folder / f"round-{number}.jsonl"
            sessions = [session for session, _ in played]
            export_jsonl(
                lines,
                database_url=database,
                session_ids=sessions,
                review_statuses=None,
                format="rl",
                options=ADVANTAGES,
            )
            train(policy, optimiser, lines)
    finally:
        telemetry.shutdown(10)
    return found


def plot(path: Path, recorded: list[float], shuffled: list[float]) -> None:
    """Both curves as an SVG."""
    width, height, left, top = 640, 320, 60, 30

    def at(number: int, rate: float) -> str:
        return f"{left + number * (width - left - 20) / (len(recorded) - 1):.1f},{top + (1 - rate) * (height - 80):.1f}"

    def curve(rates: list[float], colour: str, name: str, y: int) -> str:
        points = " ".join(map(at, range(len(rates)), rates))
        said = f"{name}: {rates[0]:.2f} → {rates[-1]:.2f}"
        return (
            f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{points}"/>'
            f'<text x="{width - 230}" y="{y}" fill="{colour}">{said}</text>'
        )

    def line(rate: float, label: str) -> str:
        y = at(0, rate).split(",")[1]
        return (
            f'<line x1="{left}" x2="{width - 20}" y1="{y}" y2="{y}" stroke="#ccc"/>'
            f'<text x="8" y="{float(y) + 5}">{label}</text>'
        )

    curves = curve(recorded, "#1f77b4", "its own rewards", height - 110)
    curves += curve(shuffled, "#d62728", "rewards shuffled", height - 90)
    lines = line(0, "0") + line(0.5, "0.50") + line(BEST, "best 0.88") + line(1, "1")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="#fff"/><text x="{left}" y="18">numbers found within '
        f'three guesses, by rounds of training on recorded runs</text>{lines}{curves}<text x="{width // 2}" '
        f'y="{height - 12}">round</text></svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=14)
    parser.add_argument("--games", type=int, default=40, help="games a number, each round")
    parser.add_argument("--plot", type=Path, help="where to draw both curves, as an SVG")
    parser.add_argument("--database-url", help="a Postgres URL or embedded:FOLDER; else a server for this run alone")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root, the embedded server runs as another user
        database = given.database_url or f"embedded:{folder}/postgres"
        results = {}
        for shuffled in (False, True):
            results[shuffled] = learn(Path(folder), database, rounds=given.rounds, games=given.games, shuffled=shuffled)
    if given.plot:
        plot(given.plot, results[False], results[True])
    print(json.dumps({"recorded": results[False], "shuffled": results[True]}))


if __name__ == "__main__":
    main()
