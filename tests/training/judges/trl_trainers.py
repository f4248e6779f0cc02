"""TRL on the folders of datasets, with a tiny random model on the CPU: ``trl_trainers.py WORK TEMPLATES…``.

Trains ``sft``, ``dpo``, ``kto``, ``reward`` and ``grpo`` for some steps each on the folder of that name below WORK,
reads ``sft`` back as ``datasets`` gives it, plain and streaming, and renders it with each chat template. Writes what
came of it to ``WORK/said.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import load_dataset
from jinja2 import TemplateError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast
from trl.chat_template_utils import supports_tool_calling

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
SPECIAL = ["<pad>", "<bos>", "<|im_start|>", "<|im_end|>"]
STEPS = 8


def tokenizer(template: str) -> PreTrainedTokenizerFast:
    """Every byte is a token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {one: number for number, one in enumerate([*SPECIAL, *alphabet])}
    plain = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    plain.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", bos_token="<bos>", eos_token="<|im_end|>", unk_token="<pad>"
    )
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    made.chat_template = (TEMPLATES / f"{template}.jinja").read_text()
    return made


def train(what: str, folder: Path, work: Path) -> dict[str, Any]:
    torch.manual_seed(0)
    rows = load_dataset(str(folder), split="train")
    words = tokenizer("qwen3_training")
    size = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=4096,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=3,
        num_labels=1,
    )
    # Reference models are loaded by name.
    kind = LlamaForSequenceClassification if what == "reward" else LlamaForCausalLM
    model = work / f"model-{what}"
    kind(size).save_pretrained(model)
    words.save_pretrained(model)
    shared = {
        "output_dir": str(work / f"out-{what}"),
        "max_steps": 2 if what == "grpo" else STEPS,
        "per_device_train_batch_size": 2,
        "logging_steps": 1,
        "learning_rate": 1e-2,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "bf16": False,
        "disable_tqdm": True,
        "seed": 0,
        "gradient_checkpointing": False,
    }
    given = {"model": str(model), "train_dataset": rows, "processing_class": words}
    if what == "sft":
        trainer = trl.SFTTrainer(
            args=trl.SFTConfig(**shared, assistant_only_loss=True, max_length=None, model_init_kwargs=None), **given
        )
    elif what == "dpo":
        trainer = trl.DPOTrainer(args=trl.DPOConfig(**shared, max_length=None), **given)
    elif what == "kto":
        trainer = trl.KTOTrainer(args=trl.KTOConfig(**shared, max_length=None), **given)
    elif what == "reward":
        trainer = trl.RewardTrainer(args=trl.RewardConfig(**shared, max_length=None), **given)
    else:
        trainer = trl.GRPOTrainer(
            args=trl.GRPOConfig(**shared, num_generations=2, max_completion_length=8), reward_funcs=length, **given
        )
    trainer.train()
    history = trainer.state.log_history
    return {name: [entry[name] for entry in history if name in entry] for name in ("loss", "grad_norm")}


def length(completions: list[Any], reward: list[float], **_: Any) -> list[float]:
    """A row's own columns come beside what was generated."""
    return [len(one[0]["content"]) + score for one, score in zip(completions, reward, strict=True)]


def trained_text(folder: Path, template: str) -> list[list[str]] | str:
    """Of each row, the stretches of text that are trained on; where the template refuses one, what it says."""
    try:
        return _trained_text(folder, tokenizer(template))
    except TemplateError as refusal:
        return str(refusal)


def _trained_text(folder: Path, words: PreTrainedTokenizerFast) -> list[list[str]]:
    found = []
    for row in load_dataset(str(folder), split="train"):
        taken = words.apply_chat_template(
            row["messages"], tools=row["tools"], return_dict=True, return_assistant_tokens_mask=True
        )
        stretches: list[list[int]] = []
        before = 0
        for token, mask in zip(taken["input_ids"], taken["assistant_masks"], strict=True):
            if mask and not before:
                stretches.append([])
            if mask:
                stretches[-1].append(token)
            before = mask
        found.append([words.decode(one) for one in stretches])
    return found


def main(work: Path, templates: list[str]) -> None:
    if templates == ["all"]:
        templates = sorted(path.stem for path in TEMPLATES.glob("*_training.jinja"))
    said: dict[str, Any] = {"templates": {name: trained_text(work / "sft", name) for name in templates}}
    said["tool_calling"] = [name for name in templates if supports_tool_calling(tokenizer(name))]
    for what in ("sft", "dpo", "kto", "reward", "grpo"):
        said[what] = train(what, work / what, work)
    said["plain"] = list(load_dataset(str(work / "sft"), split="train"))
    said["streaming"] = list(load_dataset(str(work / "sft"), split="train", streaming=True))
    (work / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
