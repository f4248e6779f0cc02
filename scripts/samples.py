"""docs/reference/samples.md: one whole line of each export format, from three small recorded sessions.

python scripts/samples.py --write    record, export, and write the page (needs the extra embedded)
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import atlas_otel as atlas
from atlas_otel.postgres import embedded, migrate
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.training.options import RowOptions

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "samples.md"
TOOL = {
    "type": "function",
    "function": {
        "name": "length_km",
        "description": "The length of a river in kilometres.",
        "parameters": {"type": "object", "properties": {"river": {"type": "string"}}, "required": ["river"]},
    },
}
OPTIONS = {"rl": RowOptions(unit="session", normalise="group"), "preference": RowOptions(same_prompt=True)}
FORMATS = (
    "atlas", "chat", "preference", "kto", "rl", "tokens", "openai", "openai-preference", "verl", "atif", "hf-traces",
)  # fmt: skip
HEAD = """# Sample lines

One line of each [format](formats.md), whole, laid out over many lines for reading. They come from three runs of one
task by a small agent with one tool. `python scripts/samples.py --write` makes this page, and a test compares it with an
export.
"""


def record(url: str) -> None:
    """Run the agent three times: right, wrong, and right with the token ids of its server."""

    @atlas.tool
    def length_km(river: str) -> int:
        return 6650

    @atlas.llm(model="small-model", provider="local")
    def complete(messages: list[dict[str, Any]], tools: list[dict[str, Any]], reply: dict[str, Any]) -> dict[str, Any]:
        return reply

    def answer(text: str, ids: list[int] | None = None) -> dict[str, Any]:
        reason = {"finish_reason": "stop"}
        choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, **reason}
        if ids is not None:
            choice |= {"token_ids": ids, "logprobs": {"content": [{"token": "x", "logprob": -0.25} for _ in ids]}}
        usage = {"prompt_tokens": 34, "completion_tokens": 9, "total_tokens": 43}
        return {"choices": [choice], "usage": usage, **({"prompt_token_ids": [1, 5, 9]} if ids else {})}

    call = {"id": "call_1", "type": "function", "function": {"name": "length_km", "arguments": '{"river": "Nile"}'}}
    ask = {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": None, "tool_calls": [call]}}]}  # fmt: skip
    with recording() as records:
        for text, score, ids in (("6650 km.", 1.0, None), ("About 4000 km.", 0.0, None), ("6650 km.", 1.0, [7, 8])):
            metadata = {"tenant": "acme", "ground_truth": "6650"}
            with atlas.session("How long is the Nile?", name="rivers", metadata=metadata) as session:
                messages: list[dict[str, Any]] = [{"role": "user", "content": "How long is the Nile?"}]
                with atlas.step("Look it up", id=1) as step:
                    if ids is None:
                        messages.append(complete(messages, [TOOL], ask)["choices"][0]["message"])
                        result = str(length_km("Nile"))
                        messages.append({"role": "tool", "tool_call_id": "call_1", "content": result})
                    step.output = complete(messages, [TOOL], answer(text, ids))["choices"][0]["message"]["content"]
                    atlas.set_validation(score > 0, reason="compared with the atlas")
                atlas.record_reward(score, rationale="compared with the atlas")
                session.final_answer = text
    with PostgresStore(url) as store:
        store.write(records.all)
        store.project()


def samples(url: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The first line of each format."""
    found = {}
    for name in FORMATS:
        output = folder / f"{name}.jsonl"
        export_jsonl(output, database_url=url, review_statuses=None, format=name, options=OPTIONS.get(name))  # type: ignore[arg-type]
        found[name] = json.loads(output.read_text("utf-8").splitlines()[0])
    return found


def page(lines: dict[str, dict[str, Any]]) -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for name, line in lines.items():
        text = json.dumps(line, indent=1, ensure_ascii=False)
        parts.append(f"## {name}\n\n```json\n{text}\n```\n")
    return "\n".join(parts)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="atlas-samples-") as work:
        folder = Path(tempfile.gettempdir(), f"{Path(work).name}-server")
        url = embedded.ensure_running(str(folder), linger_s=0)
        try:
            migrate.init(url)
            record(url)
            text = page(samples(url, Path(work)))
        finally:
            embedded.release(folder)
            embedded.stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
    print(text if "--write" not in sys.argv else f"wrote {PAGE.relative_to(ROOT)}")
    if "--write" in sys.argv:
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
