"""What TRL and datasets make of exported lines: run in their own environment, as ``trl_judge.py FORMAT FILE``.

Loads the file as a ``datasets.Dataset`` and takes each row through TRL's data utilities with a ChatML template, as its
trainers do. Prints one JSON object: what each row came to.
"""

from __future__ import annotations

import json
import sys
import tempfile

from datasets import load_dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast
from trl.data_utils import apply_chat_template, is_conversational, unpair_preference_dataset

TEMPLATE = (
    "{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}"
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}"
    "{% if message.tool_calls %}{% for call in message.tool_calls %}"
    "<call>{{ call.function.name }} {{ call.function.arguments | tojson }}</call>{% endfor %}{% endif %}"
    "</{{ message.role }}>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
COLUMNS = {
    "chat": ["messages"],
    "preference": ["prompt", "chosen", "rejected"],
    "rl": ["prompt", "completion"],
}


def main(format: str, path: str) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]")))
    tokenizer.chat_template = TEMPLATE
    with tempfile.TemporaryDirectory() as cache:
        dataset = load_dataset("json", data_files=path, split="train", cache_dir=cache)
        rows = []
        for row in dataset:
            example = {name: row[name] for name in COLUMNS[format]}
            assert is_conversational(example), example
            tools = json.loads(row["tools"]) if row.get("tools") else None
            rows.append(apply_chat_template(example, tokenizer, tools=tools))
        unpaired = unpair_preference_dataset(dataset).num_rows if format == "preference" else None
        print(json.dumps({"columns": dataset.column_names, "rows": rows, "unpaired": unpaired}))


if __name__ == "__main__":
    main(*sys.argv[1:])
