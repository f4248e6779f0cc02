"""The smallest decorated agent: one session, one tool.

pip install 'atlas-otel[embedded]'
python examples/smallest.py
atlas-otel sessions show 1 --database-url embedded
"""

from __future__ import annotations

import os

import atlas_otel as atlas

atlas.configure("smallest", database_url=os.environ.get("ATLAS_OTEL_DATABASE_URL", "embedded"))


@atlas.tool
def add(a: int, b: int) -> int:
    return a + b


@atlas.session
def answer(question: str) -> str:
    return f"It is {add(2, 3)}."


if __name__ == "__main__":
    print(answer("What is two and three?"))
    atlas.flush()
