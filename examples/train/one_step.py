"""Train one step on what was exported: supervised, on the answers of your agent's model.

    atlas-otel export --format chat --output chat.jsonl
    python examples/train/one_step.py chat.jsonl                              # a tiny random model, no download
    python examples/train/one_step.py chat.jsonl --model Qwen/Qwen3-0.6B      # a real one, from the Hub

Needs ``pip install trl``. Runs on a CPU.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>"]
# What is between "generation" marks is what the model is trained on.
TEMPLATE = """{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.role == "assistant" %}{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}
{% else %}{{ message.content }}<|im_end|>
{% endif %}{% endfor %}"""


def tiny_model(folder: Path) -> str:
    """A model of one layer with random weights, whose tokens are bytes; returns where it was saved."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *alphabet])}
    tokens = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokens.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", eos_token="<|im_end|>")
    tokenizer.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2,
        pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def rows(file: Path) -> Dataset:
    """The messages of each line; TRL trains on every assistant message among them."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    kept = ("role", "content")
    return Dataset.from_list([{"messages": [{k: m[k] for k in kept} for m in line["messages"]]} for line in lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", help="a model's name on the Hub, or its folder; default: a tiny random one")
    parser.add_argument("--steps", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        trainer = SFTTrainer(
            model=asked.model or tiny_model(Path(work, "model")),
            train_dataset=rows(asked.file),
            args=SFTConfig(
                output_dir=f"{work}/out", max_steps=asked.steps, per_device_train_batch_size=1, logging_steps=1,
                learning_rate=1e-3, assistant_only_loss=True, max_length=None, report_to="none", save_strategy="no",
                use_cpu=True, bf16=False, disable_tqdm=True,
            ),
        )  # fmt: skip
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    print(f"trained {trainer.state.global_step} step(s) on {asked.file.name}; loss {losses[-1]:.3f}")


if __name__ == "__main__":
    main()
