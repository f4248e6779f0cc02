"""What comes out trains: TRL's trainers over real chat templates, and other readers of the formats."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from atlas_otel.records.exact_json import dump
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.datasets.card import card
from atlas_otel_exporters.datasets.create import Plan, create_dataset
from atlas_otel_exporters.datasets.manifest import Manifest
from atlas_otel_exporters.datasets.shards import FileKind, Shards
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.training.features import FEATURES
from atlas_otel_exporters.training.options import CallFilter, RowOptions
from tests.training.conftest import NUMBERS, TOOL, Json, Model, call, record

pytestmark = pytest.mark.timeout(1200)  # the first run makes the trainers' environment

FAMILIES = (
    "deepseek_r1_distill_training",
    "deepseekv3_training",
    "glm4moe_training",
    "lfm2_training",
    "llama3_training",
    "nemotron_3_nano_training",
    "phi3_training",
    "qwen2_5_training",
    "qwen3_training",
    "qwen3_5_think_training",
)
REFUSING = {
    "cohere_training": "no tools: roles must alternate",
    "cohere2_training": "no tools: roles must alternate",
    "gemma_training": "no system message",
    "gemma3_training": "no tools: roles must alternate",
    "gptoss_training": "no text and reasoning beside a call",
    "llava_next_training": "content in parts only",
}
"""Templates that refuse a run with tools, and why."""
REWRITING = {
    "diffusion_gemma_training": "answers before calls are turned round",
    "idefics3_training": "content in parts only",
    "muse_glimmer_training": "no text beside calls",
    "smolvlm_training": "content in parts only",
}
"""Templates that do not write all that a message says."""
TEMPLATES = ("all",) if os.environ.get("ATLAS_OTEL_TRAINING") == "all" else FAMILIES
"""With ``ATLAS_OTEL_TRAINING=all`` (``make test-training-all``): each that TRL ships for training."""

SUMS = RowOptions(calls=CallFilter(tags=frozenset({"sums"})))
WHOLE = {"train": 1.0}
FORMATS = {"sft": "chat", "dpo": "preference", "kto": "kto", "reward": "preference", "grpo": "rl"}


@pytest.fixture
def model(database_url: str) -> Model:
    made = Model()
    record(database_url, made)
    return made


def test_trl_trains_on_what_was_recorded(
    peer_python: Any, judge: Any, model: Model, database_url: str, tmp_path: Path
) -> None:
    for what, format in FORMATS.items():
        plan = Plan(what, format, Selection(review_statuses=None), SUMS, WHOLE)  # type: ignore[arg-type]
        create_dataset(tmp_path / what, plan, database_url=database_url)
    judge(peer_python, "trl_trainers.py", str(tmp_path), *TEMPLATES, home=tmp_path)
    said = json.loads((tmp_path / "said.json").read_text())
    for what in ("sft", "dpo", "kto", "reward", "grpo"):
        losses = said[what]["loss"]
        assert losses, what
        assert all(math.isfinite(loss) for loss in losses), (what, losses)
        assert any(norm > 0 for norm in said[what]["grad_norm"]), what
        if what in ("sft", "dpo", "reward"):
            assert losses[-1] < losses[0], (what, losses)
    assert said["plain"] == said["streaming"]
    check_requests(said["plain"], model)
    assert {name for name, rows in said["templates"].items() if isinstance(rows, str)} <= set(REFUSING)
    for template, rows in said["templates"].items():
        if template not in REFUSING and template not in REWRITING:
            check_masks(template, rows, said["plain"], calls=template in said["tool_calling"])


def check_requests(rows: list[Json], model: Model) -> None:
    """What stands before each trained answer is a request that was sent, but for reasoning that was not sent back."""
    sent = {json.dumps([plain(one) for one in messages]): plain(reply) for messages, reply in model.log}
    trained = 0
    for row in rows:
        for number, message in enumerate(row["messages"]):
            if message["train"]:
                asked = [plain(one) for one in row["messages"][:number]]
                assert json.dumps(asked) in sent
                trained += 1
    assert trained == len(model.log) - 1  # all but the one about an image, each once


def plain(message: Json) -> Json:
    kept = {key: message[key] for key in ("role", "content", "tool_call_id") if message.get(key) is not None}
    calls = []
    for one in message.get("tool_calls") or ():
        arguments = one["function"]["arguments"]
        held = json.loads(arguments) if isinstance(arguments, str) else arguments
        calls.append([one["id"], one["function"]["name"], held])
    return {**kept, "calls": calls}


def check_masks(template: str, rendered: list[list[str]], rows: list[Json], *, calls: bool) -> None:
    """Each stretch that is trained on is one answer, whole, and nothing that anybody else said."""
    for stretches, row in zip(rendered, rows, strict=True):
        answers = [message for message in row["messages"] if message["role"] == "assistant"]
        assert len(stretches) == len(answers), (template, stretches)
        for stretch, answer in zip(stretches, answers, strict=True):
            assert answer["content"] in stretch, (template, stretch)
            for called in answer.get("tool_calls") or () if calls else ():
                assert called["function"]["name"] in stretch, (template, stretch)
            assert not any(word in stretch for word in ("USER", "SYSTEM", "TOOL ")), (template, stretch)


@pytest.mark.parametrize("files", ["parquet", "jsonl"])
def test_a_large_dataset_whose_rare_keys_come_last_loads(
    peer_python: Any, judge: Any, tmp_path: Path, files: FileKind
) -> None:
    """30 MB, over what ``datasets`` looks at before it decides on types; 200 MB for the whole run."""
    size = (200 if TEMPLATES == ("all",) else 30) * 1024 * 1024
    rare = {"role": "assistant", "content": "rare", "tool_calls": [call(1, 1)], "reasoning_content": "late"}
    blank: Json = dict.fromkeys(FEATURES["chat"])
    folder = tmp_path / "large"
    folder.mkdir()
    rows = 0
    with Shards(folder, "train", files, FEATURES["chat"], 16 * 1024 * 1024) as shards:
        written = 0
        while written < size:
            rows += 1
            last = written + 10_000 >= size
            messages = [{"role": "user", "content": f"{rows} " + "x" * 9_900}, *([rare] if last else [])]
            line = dump({**blank, "messages": messages, "tools": [TOOL] if last else None})
            shards.write(line)
            written += len(line)
        data = tuple(shards.finish())
    manifest = Manifest("large", "chat", {}, {}, {"rows": rows}, {}, data, "none", 0, "tests")
    (folder / "README.md").write_text(card(manifest, FEATURES["chat"]))
    plain, streamed, first, second, tools = json.loads(judge(peer_python, "large.py", str(folder), home=tmp_path))
    assert plain == streamed == rows
    assert first == second
    assert (first[-1], tools) == (rare, [TOOL])


def test_trajectories_are_what_the_nemo_agent_toolkit_reads(
    peer_python: Any, judge: Any, model: Model, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "trajectories.jsonl"
    export_jsonl(path, database_url=database_url, review_statuses=None, format="atif")
    steps = json.loads(judge(peer_python, "atif.py", str(path), home=tmp_path))
    assert len(steps) == 2 * NUMBERS + 1
    assert min(steps) == 2
