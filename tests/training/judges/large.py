"""Loads a folder, plain and streaming: ``large.py FOLDER``. Prints how many rows there are and what the last says."""

from __future__ import annotations

import json
import sys

from datasets import load_dataset

plain = load_dataset(sys.argv[1], split="train")
streamed = None
count = 0
for row in load_dataset(sys.argv[1], split="train", streaming=True):
    streamed = row
    count += 1
print(json.dumps([len(plain), count, plain[-1]["messages"], streamed["messages"], plain[-1]["tools"]]))
