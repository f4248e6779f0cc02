"""Record sessions, archive them into a lake, and build one dataset three ways: the three hashes are one.

An agent that works through tickets is recorded into a Postgres of this program's own; the records are archived into a
lake in a folder; then its training lines are made from Postgres (``export``), from the lake on this machine, and from
the lake on a Spark cluster of a master and two workers, which are started here. Exits 69 where Java is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from spark_cluster import Cluster, Unavailable, cluster, spark_python

import atlas_otel as atlas
from atlas_otel.lake.shipping import code_archive
from atlas_otel.postgres.dsn import resolve_database_url

_ROOT = Path(__file__).resolve().parents[1]
_REQUIREMENTS = _ROOT / "tests" / "peers" / "lake-spark.txt"
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


class Demo:
    """One run of the demo in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Started here, since Spark's environment has no server: there it is one like any other.
        self.database = resolve_database_url(f"embedded:{folder / 'database'}")
        self.lake = folder / "lake"

    def atlas_otel(self, *arguments: str, python: str = sys.executable, **environment: str) -> None:
        """Run a command; what it says on standard error is shown."""
        before = time.monotonic()
        settings = {"ATLAS_OTEL_DATABASE_URL": self.database, "ATLAS_OTEL_LAKE": str(self.lake), **environment}
        subprocess.run([python, "-m", "atlas_otel", *arguments], env={**os.environ, **settings}, check=True)
        print(f"  {time.monotonic() - before:.1f} s: atlas-otel {' '.join(arguments[:2])}", flush=True)

    def code(self) -> Path:
        """This program for another Python: what Spark's executors get, unpacked."""
        folder = self.folder / "code"
        if not folder.exists():
            with zipfile.ZipFile(code_archive(self.folder)) as archive:
                archive.extractall(folder)
        return folder

    def with_spark(self, spark: Cluster, python: str, *arguments: str) -> None:
        """The same on a cluster."""
        conf = [part for key, value in spark.settings.items() for part in ("--conf", f"{key}={value}")]
        on_spark = ("--engine", "spark", "--master", spark.master, *conf)
        self.atlas_otel(*arguments, *on_spark, python=python, PYTHONPATH=str(self.code()), SPARK_LOCAL_IP="127.0.0.1")

    def lines(self, name: str) -> tuple[Path, str]:
        """A file of lines, and where its hash comes from."""
        path = self.folder / f"{name}.jsonl"
        return path, sha256(path.read_bytes()).hexdigest() if path.exists() else ""

    def dataset(self, name: str) -> tuple[Path, str]:
        """A dataset's folder, and the hash over its files."""
        path = self.folder / f"{name}-dataset"
        manifest = path / "manifest.json"
        return path, json.loads(manifest.read_bytes())["content_hash"] if manifest.exists() else ""


def run(folder: Path, sessions: int) -> int:
    """Everything, in order. 0 where the hashes are one."""
    demo = Demo(folder)
    python = spark_python(_REQUIREMENTS)
    print(f"recording {sessions} sessions", flush=True)
    subprocess.run([sys.executable, __file__, "--record", demo.database, "--sessions", str(sessions)], check=True)
    everything = ("--include-all-statuses", "--quiet")
    rows = ("--format", "chat", "--files", "jsonl", *everything)
    print("the lines and the dataset from Postgres, and the records into the lake", flush=True)
    demo.atlas_otel("export", "--output", str(demo.lines("postgres")[0]), *everything)
    demo.atlas_otel("dataset", "create", "demo", "--output", str(demo.dataset("postgres")[0]), *rows)
    demo.atlas_otel("lake", "archive", "--older-than", "0s")
    print("the same from the lake, on this machine", flush=True)
    demo.atlas_otel("lake", "build", "--output", str(demo.lines("local")[0]), *everything)
    demo.atlas_otel("lake", "build", "--dataset", str(demo.dataset("local")[0]), "--name", "demo", *rows)
    print("the same from the lake, on a Spark cluster of a master and two workers", flush=True)
    with cluster(python, folder / "spark") as spark:
        demo.with_spark(spark, python, "lake", "build", "--output", str(demo.lines("spark")[0]), *everything)
        demo.with_spark(
            spark, python, "lake", "build", "--dataset", str(demo.dataset("spark")[0]), "--name", "demo", *rows
        )
    same = True
    for what, of in (("lines of every session", demo.lines), ("dataset of chats", demo.dataset)):
        print(what)
        hashes = {name: of(name)[1] for name in ("postgres", "local", "spark")}
        for name, found in hashes.items():
            print(f"  {name:9} {found}")
        same = same and len(set(hashes.values())) == 1
    print("three hashes that are one" if same else "THE HASHES DIFFER")
    return 0 if same else 1


def main() -> int:
    """Parse and run. 69 where Spark cannot be had here."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--record", metavar="URL", help="only record, into this database")
    parser.add_argument(
        "--large", type=int, default=0, metavar="STEPS", help="with --record: one more, of so many steps"
    )
    asked = parser.parse_args()
    if asked.record:
        record(asked.record, asked.sessions, large=asked.large)
        return 0
    if shutil.which("java") is None:
        print("demo-lake: Java is not on PATH; Spark needs 17 or newer", file=sys.stderr)
        return _UNAVAILABLE
    folder = Path(tempfile.mkdtemp(prefix="atlas-otel-demo-lake-"))
    folder.chmod(0o711)  # as root, the database's own user has to pass
    try:
        return run(folder, asked.sessions)
    except Unavailable as error:
        print(f"demo-lake: {error}", file=sys.stderr)
        return _UNAVAILABLE
    except subprocess.CalledProcessError as error:
        print(f"demo-lake: {' '.join(map(str, error.cmd[1:5]))} … failed", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
