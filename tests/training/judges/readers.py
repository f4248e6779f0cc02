"""Other trainers' readers on exports: ``readers.py WORK``. Writes what each made of them to ``WORK/read.json``.

LLaMA-Factory's converter takes ``openai.jsonl``, Axolotl's chat strategy ``chat.jsonl``, verl's dataset
``verl.parquet``, ART's trajectories ``rl.jsonl``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["DISABLE_VERSION_CHECK"] = "1"  # LLaMA-Factory's, of packages that its converter does not use
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import art
from axolotl.prompt_strategies.chat_template import ChatTemplatePrompter, ChatTemplateStrategy
from llamafactory.data.converter import OpenAIDatasetConverter
from llamafactory.data.parser import DatasetAttr
from llamafactory.hparams import DataArguments
from omegaconf import OmegaConf
from trl_trainers import tokenizer
from verl.utils.dataset.rl_dataset import RLHFDataset


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def llama_factory(path: Path) -> list[dict[str, Any]]:
    """Each row as its converter aligns it."""
    columns = {"messages": "messages", "tools": "tools", "role_tag": "role", "content_tag": "content"}
    tags = {"user_tag": "user", "assistant_tag": "assistant", "observation_tag": "tool", "function_tag": "function"}
    described = DatasetAttr("file", str(path), "openai", **columns, **tags)
    convert = OpenAIDatasetConverter(described, DataArguments())
    return [convert(row) for row in lines(path)]


def axolotl(path: Path) -> list[list[str]]:
    """What is trained on, decoded, in each row."""
    tokens = tokenizer("qwen3_training")
    prompter = ChatTemplatePrompter(
        tokens, chat_template=tokens.chat_template, max_length=100_000, message_field_training="train"
    )
    strategy = ChatTemplateStrategy(
        prompter, tokens, train_on_inputs=False, sequence_len=100_000, roles_to_train=[], train_on_eos="turn"
    )
    return [trained(tokens, strategy.tokenize_prompt(row)) for row in lines(path)]


def trained(tokens: Any, row: dict[str, list[int]]) -> list[str]:
    """The stretches of a row whose labels are not masked."""
    stretches: list[list[int]] = [[]]
    for token, label in zip(row["input_ids"], row["labels"], strict=True):
        if label != -100:
            stretches[-1].append(token)
        elif stretches[-1]:
            stretches.append([])
    return [tokens.decode(stretch) for stretch in stretches if stretch]


def verl(path: Path, home: Path) -> list[dict[str, Any]]:
    """Each row as its dataset gives it to a rollout."""
    config = OmegaConf.create({"cache_dir": str(home), "max_prompt_length": 100_000, "return_raw_chat": True})
    read = RLHFDataset(str(path), tokenizer("qwen3_training"), config)
    kept = ("raw_prompt", "data_source", "reward_model", "index")
    return [{key: plain(read[number].get(key)) for key in kept} for number in range(len(read))]


def plain(value: Any) -> Any:
    """A value that JSON has."""
    return json.loads(json.dumps(value, default=lambda held: held.tolist() if hasattr(held, "tolist") else str(held)))


def trajectories(path: Path) -> list[dict[str, Any]]:
    """Each row as one of ART's."""
    made = [
        art.Trajectory(
            messages_and_choices=[*row["prompt"], *row["completion"]], tools=row["tools"], reward=row["reward"]
        )
        for row in lines(path)
        if row["reward"] is not None
    ]
    return [{"messages": one.messages(), "reward": one.reward} for one in made]


def main(work: Path) -> None:
    """Read everything."""
    found = {
        "llama_factory": llama_factory(work / "openai.jsonl"),
        "axolotl": axolotl(work / "chat.jsonl"),
        "verl": verl(work / "verl.parquet", work / "verl"),
        "art": trajectories(work / "rl.jsonl"),
    }
    (work / "read.json").write_text(json.dumps(plain(found)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
