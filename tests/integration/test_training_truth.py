"""No row holds text that no model wrote, nor a prompt that none was sent: held against the model server's own log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import atlas_otel as atlas
from atlas_otel.demo.model import RuleModel
from atlas_otel.demo.run import run_demo
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.runtime.run import arun
from atlas_otel.testing import recording
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.formats import FormatName
from atlas_otel_exporters.training.options import CallFilter, RowOptions
from tests.support.chat_server import chat_server
from tests.support.exported_lines import assert_no_empty_message

Json = dict[str, Any]
Log = set[tuple[str, str]]


def entry(prompt: list[Json], answer: Json) -> tuple[str, str]:
    """A request and an answer as one compares them: who said what, and which tools were called how."""
    return json.dumps([brief(one) for one in prompt]), json.dumps(brief(answer))


def brief(message: Json) -> list[Any]:
    calls = []
    for call in message.get("tool_calls") or ():
        arguments = call["function"]["arguments"]
        calls.append([call["function"]["name"], json.loads(arguments) if isinstance(arguments, str) else arguments])
    return [message["role"], message.get("content") or "", calls]


class LoggedModel(RuleModel):
    """The demo's model, keeping what it was sent and what it answered."""

    def __init__(self) -> None:
        super().__init__()
        self.log: Log = set()

    async def complete(self, messages: Any) -> Json:
        answer = await super().complete(messages)
        self.log.add(entry(messages, answer["choices"][0]["message"]))
        return answer

    async def stream(self, messages: Any) -> Any:
        said = ""
        async for chunk in super().stream(messages):
            said += "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
            yield chunk
        self.log.add(entry(messages, {"role": "assistant", "content": said}))


def rows(url: str, folder: Path, format: FormatName, **options: Any) -> list[Json]:
    path = folder / f"{format}.jsonl"
    summary = export_jsonl(path, database_url=url, review_statuses=None, format=format, options=RowOptions(**options))
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if summary.lines else []
    assert_no_empty_message(lines)
    return lines


def said_in(format: FormatName, row: Json) -> Log:
    """Every answer of a row with all that stands before it."""
    if format == "preference":
        rejected_prompt = row["rejected_prompt"] if row["prompt_differs"] else row["prompt"]
        return {entry(row["prompt"], row["chosen"][0]), entry(rejected_prompt, row["rejected"][0])}
    messages = row["prompt"] + row["completion"]
    said = row.get("turns") or [{"by": "model"}]
    start = len(row["prompt"])
    return {entry(messages[:n], messages[n]) for n, turn in enumerate(said, start) if turn["by"] == "model"}


def check(url: str, folder: Path, log: Log) -> dict[str, int]:
    counted = {}
    for format, options in (("preference", {}), ("rl", {}), ("rl", {"unit": "session"}), ("kto", {})):
        found = rows(url, folder, format, **options)
        for row in found:
            assert said_in(format, row) <= log, row
        counted[" ".join([format, *options.values()])] = len(found)
    return counted


def test_the_demo_exports_what_its_model_was_sent_and_wrote(database_url: str, tmp_path: Path) -> None:
    model = LoggedModel()
    recorded = run_demo(database_url, tmp_path / "traces.jsonl", model=model)
    assert not any(task.error for task in recorded.tasks)
    counted = check(database_url, tmp_path, model.log)
    assert counted == {"preference": 1, "rl": len(model.log), "rl session": len(model.log), "kto": len(model.log)}


TOOL = {"name": "look_up", "description": "Looks a word up.", "parameters": {"type": "object", "properties": {}}}


def agent_config(url: str) -> Json:
    llm = {"provider": "openai", "model": "student", "api_base": url, "api_key_env": "NO_KEY_SET"}
    judge = {**llm, "model": "judge"}
    return {
        "agent": {"type": "openai", "name": "tester", "system_prompt": "Answer.", "llm": llm},
        "teacher": {"llm": {**llm, "model": "teacher"}},
        "rim": {"small_model": judge, "large_model": judge},
        "adaptive_teaching": {"mode_override": "paired"},
    }


async def test_a_governed_run_exports_the_students_calls_alone(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    # Teacher and judges are instrumented by the library that calls them; a provider of its own, for the global one can
    # be set only once in a process.
    telemetry = atlas.configure("tests", database_url=database_url, tracer_provider=TracerProvider(), console=False)
    verdicts = iter([False, True])
    tries = iter(["first try", "second try"])

    def answer(request: Json) -> Any:
        if request["model"] == "student":
            return next(tries)
        if request["model"] == "teacher":
            checking = "You check one attempt" in json.dumps(request["messages"])
            return {"valid": next(verdicts), "reason": "seen", "guidance": "Be better."} if checking else "Be better."
        return {"score": 0.75, "uncertainty": 0.1, "rationale": "as seen"}

    try:
        with chat_server(answer) as server:
            await arun("the task", config=agent_config(server.url))
        assert telemetry.flush(20)
    finally:
        telemetry.shutdown(10)
    asked = [request["messages"] for request in server.requests if request["model"] == "student"]
    log = {
        entry(messages, {"role": "assistant", "content": f"{word} try"})
        for messages, word in zip(asked, ("first", "second"), strict=True)
    }
    counted = check(database_url, tmp_path, log)
    assert counted == {"preference": 1, "rl": 2, "rl session": 2, "kto": 2}
    (pair,) = rows(database_url, tmp_path, "preference")
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("second try", "first try")
    assert (pair["prompt_differs"], pair["valid"], pair["model"]) == (True, True, "student")
    teachers = rows(database_url, tmp_path, "rl", calls=CallFilter(actors=frozenset({"teacher", "reward"})))
    assert {row["actor"] for row in teachers} == {"teacher", "reward"}


@pytest.mark.parametrize("better_first", [True, False])
def test_two_runs_of_one_task_are_one_pair(database_url: str, tmp_path: Path, better_first: bool) -> None:
    @atlas.llm(model="m")
    def complete(messages: list[Json], reply: str) -> Json:
        return {"role": "assistant", "content": reply}

    asked = [{"role": "user", "content": "2 + 2?"}]
    with recording() as records:
        for right in (better_first, not better_first):
            with atlas.session("Add"):
                complete(asked, "4" if right else "5")
                atlas.record_reward(float(right))
        with atlas.session("Multiply"):
            complete(asked, "4")
            atlas.record_reward(0.5)
    with PostgresStore(database_url) as store:
        store.write(records.all)
        store.project()
    (pair,) = rows(database_url, tmp_path, "preference")
    assert (pair["prompt"], pair["reward_margin"], pair["pair_source"]) == (asked, 1.0, "siblings")
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("4", "5")


async def test_token_ids_are_the_servers(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    telemetry = atlas.configure("tests", database_url=database_url, tracer_provider=TracerProvider(), console=False)
    given: list[tuple[list[int], list[int]]] = []
    try:
        with chat_server(lambda request: "hello") as server:
            respond = server.respond

            def with_ids(request: Json) -> tuple[int, Json]:
                """As vLLM answers where it is asked to return token ids."""
                status, answer = respond(request)
                asked = list(range(100, 100 + len(json.dumps(request["messages"])) % 50))
                wrote = [7, 8, 9]
                given.append((asked, wrote))
                (choice,) = answer["choices"]
                choice["token_ids"] = wrote
                choice["logprobs"] = {"content": [{"token": "t", "logprob": -one / 8} for one in wrote]}
                return status, {**answer, "prompt_token_ids": asked}

            server.respond = with_ids  # type: ignore[method-assign]
            config = agent_config(server.url)
            await arun("the task", config={"agent": config["agent"], "adaptive_teaching": {"mode_override": "auto"}})
        assert telemetry.flush(20)
    finally:
        telemetry.shutdown(10)
    found = rows(database_url, tmp_path, "tokens")
    assert [(row["prompt_ids"], row["response_ids"], row["loss_mask"]) for row in found] == [
        (asked, wrote, [1] * len(wrote)) for asked, wrote in given
    ]
    assert [row["logprobs"] for row in found] == [[-7 / 8, -1.0, -9 / 8]] * len(given)
