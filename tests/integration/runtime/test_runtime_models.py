"""Teacher, judges, probe and agent as models: over real HTTP to a local endpoint, without a key."""

from __future__ import annotations

import json

import pytest

from atlas_otel import errors, semconv
from atlas_otel.models.config_llm import LLMConfig
from atlas_otel.runtime.model import build_model, plain_name


def asked(request):
    """Who is asked, by the system prompt."""
    system = " ".join(m["content"] for m in request["messages"] if m["role"] in ("system", "developer"))
    marks = {"You check one attempt": "validation", "You review the plan": "plan_review", "You judge": "judge"}
    return next((who for mark, who in marks.items() if mark in system), "probe" if "accompanied" in system else "agent")


def llm(url, model="small"):
    return {"provider": "openai", "model": model, "api_base": url, "api_key_env": "NO_KEY_SET", "timeout_seconds": 10}


def verdict(score, uncertainty=0.1):
    return {"score": score, "uncertainty": uncertainty, "rationale": "as seen", "student_learning": "go on"}


async def test_teacher_and_judges_are_models(agents, chat_server):
    def answer(request):
        who = asked(request)
        if who == "validation":
            return {"valid": True, "reason": "it holds"}
        return verdict(0.9 if request["model"] == "small" else 0.4)

    agents.put(agent=lambda prompt: "the answer")
    with chat_server(answer) as server:
        done = await agents.run(
            lane="paired",
            teacher={"llm": llm(server.url)},
            rim={"small_model": llm(server.url), "large_model": llm(server.url, "large")},
        )
    assert done.error is None
    assert [asked(request) for request in server.requests] == ["validation", "judge", "judge", "judge"]
    assert sorted(request["temperature"] for request in server.requests[1:]) == [0.2, 0.5, 0.8]
    facts = json.loads(server.requests[1]["messages"][-1]["content"])
    assert (facts["task"], facts["final_answer"], facts["execution_mode"]) == ("the task", "the answer", "paired")
    session = done.rows.session
    assert session.reward["score"] == pytest.approx(0.9)
    assert session.reward_stats["sample_count"] == 3
    assert session.student_learning == "go on"
    assert done.rows.attempts[0].evaluation["validation"] == {"valid": True, "guidance": None, "reason": "it holds"}
    assert [entry["stage"] for entry in session.reward_audit[:3]] == ["tier1"] * 3


async def test_judges_that_differ_go_to_the_larger_model(agents, chat_server):
    scores = iter([0.1, 0.9, 0.5])
    agents.put(agent=lambda prompt: "the answer")
    with chat_server(lambda request: verdict(0.3 if request["model"] == "large" else next(scores))) as server:
        done = await agents.run(
            lane="auto",
            rim={
                "small_model": llm(server.url),
                "large_model": llm(server.url, "large"),
                "parallel_workers": 1,
                "judge_prompt": "Look at the units.",
            },
        )
    (judge,) = done.rows.session.reward["judges"]
    assert (judge["score"], judge["escalated"]) == (0.3, True)
    assert judge["escalation_reason"] == "tier1_variance_or_uncertainty"
    assert server.requests[-1]["model"] == "large"
    assert "Look at the units." in json.dumps(server.requests[-1]["messages"])


async def test_governance_calls_are_told_from_the_agents_own(agents, chat_server):
    from atlas_otel import llm as decorated

    @decorated(model="own-model", provider="own")
    def think(messages):
        return {"role": "assistant", "content": "ok", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}

    agents.put(agent=lambda prompt: think([{"role": "user", "content": prompt}])["content"])
    with chat_server(lambda request: {"valid": True}) as server:
        done = await agents.run(lane="paired", teacher={"llm": llm(server.url)})
    by_teacher = [s for s in done.recorded.spans if s.attributes.get(semconv.ATLAS_ACTOR) == "teacher"]
    assert "step_validation" in [span.name for span in by_teacher]
    (own,) = [p for p in done.payloads if p["event_type"] == "LLM_END"]
    assert own["metadata"]["actor"] == "student"
    assert done.event("step_validation", "FUNCTION_END")["metadata"]["actor"] == "teacher"


@pytest.mark.parametrize("said", [500, "no JSON at all", {"valid": "perhaps"}])
async def test_a_model_that_fails_or_answers_nonsense_never_fails_the_run(agents, said, chat_server):
    agents.put(agent=lambda prompt: "the answer")
    with chat_server(lambda request: said) as server:
        done = await agents.run(lane="paired", teacher={"llm": llm(server.url)}, rim={"small_model": llm(server.url)})
    assert done.error is None
    assert done.rows.attempts[0].evaluation["validation"]["skipped"] == "teacher_failed"
    assert done.rows.session.reward["failed"] is True


async def test_a_model_without_a_key_or_a_server_never_fails_the_run(agents):
    agents.put(agent=lambda prompt: "the answer")
    nowhere = {"model": "m", "api_base": "http://127.0.0.1:9", "timeout_seconds": 2}
    keyless = {"model": "m", "api_key_env": "NO_KEY_SET"}
    done = await agents.run(lane="paired", teacher={"llm": nowhere}, rim={"small_model": keyless})
    assert done.result.final_answer == "the answer"
    assert "NO_KEY_SET is not set" in done.rows.session.reward_audit[0]["error"]


async def test_the_probe_is_a_model(agents, chat_server):
    agents.put(agent=lambda prompt: "the answer")
    with chat_server(lambda request: {"confidence": 0.9}) as server:
        done = await agents.run(
            adaptive_teaching={"certify_first_run": False, "probe": {"llm": llm(server.url)}},
        )
    assert done.result.execution_mode == "auto"
    route = done.event("adaptive_route", "CUSTOM_END")["data"]["output"]
    assert (route["reason"], route["probe_confidence"]) == ("capability_probe", 0.9)


async def test_an_openai_compatible_model_is_the_agent(agents, chat_server):
    def answer(request):
        user = request["messages"][-1]["content"]
        if "Make a plan" in request["messages"][0]["content"]:
            return '{"steps": [{"id": 1, "description": "look"}]}'
        return f"answer to: {user}"

    with chat_server(answer) as server:
        agent = {
            "type": "openai",
            "name": "chatter",
            "llm": {**llm(server.url), "max_output_tokens": 100, "additional_headers": {"x-team": "blue"}},
            "system_prompt": "Be brief.",
            "tools": [{"name": "search", "description": "Searches.", "parameters": {"properties": {"q": {}}}}],
        }
        config = {"agent": agent, "adaptive_teaching": {"mode_override": "escalate"}}
        agents.config = lambda *_, **__: config
        done = await agents.run()
    assert done.error is None
    plan, execute, _ = server.requests
    assert plan["messages"][0] == {"role": "system", "content": plan["messages"][0]["content"]}
    assert execute["messages"][0]["content"].startswith("Be brief.")
    assert execute["messages"][1]["content"] == "Task: the task\n\nStep 1: look"
    assert (execute["max_tokens"], execute["tools"][0]["function"]["name"]) == (100, "search")
    assert server.headers[0]["x-team"] == "blue"
    assert done.result.final_answer.startswith("answer to: Task: the task")
    assert done.metadata["token_usage"] == {
        "prompt_tokens": 33,
        "completion_tokens": 21,
        "total_tokens": 54,
        "calls": 3,
    }


async def test_a_models_tool_calls_are_its_output(agents, chat_server):
    with chat_server(lambda request: {"q": "velocity"}) as server:
        agent = {
            "type": "openai",
            "name": "chatter",
            "llm": llm(server.url),
            "tools": [{"name": "search", "description": "Searches."}],
        }
        agents.config = lambda *_, **__: {"agent": agent, "adaptive_teaching": {"mode_override": "auto"}}
        done = await agents.run()
    assert json.loads(done.rows.steps[0].output)["tool_calls"][0]["function"]["name"] == "search"


def test_a_litellm_prefix_is_taken_off_but_not_a_name_with_a_slash():
    assert plain_name("gemini/gemini-2.5-flash") == "gemini-2.5-flash"
    assert plain_name("meta-llama/Llama-3.3") == "meta-llama/Llama-3.3"


@pytest.mark.parametrize("provider", ["anthropic", "google", "gemini", "bedrock"])
def test_a_provider_whose_package_is_missing_is_named(provider):
    try:
        made = build_model(LLMConfig(provider=provider, model="m"), {"OPENAI_API_KEY": "k"})
    except errors.ConfigError as error:
        assert "pip install 'pydantic-ai-slim[" in str(error)
    else:
        assert made.model_name == "m"
