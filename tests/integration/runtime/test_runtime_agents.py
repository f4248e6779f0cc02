"""Agents by type beyond Python's: behind HTTP, and one that acts in an environment."""

from __future__ import annotations

import json

import pytest

from atlas_otel.adapters import AdapterError

# --- http_api ----------------------------------------------------------------------------------------------------


def http_agent(url, **more):
    return {"type": "http_api", "name": "remote", "transport": {"base_url": url, **more.pop("transport", {})}, **more}


async def run_http(agents, agent, lane="auto"):
    agents.config = lambda *_, **__: {"agent": agent, "adaptive_teaching": {"mode_override": lane}}
    return await agents.run()


async def test_an_http_agent_is_posted_each_prompt_with_trace_context_and_session(agents, serving):
    seen = []

    def handle(headers, body):
        seen.append((headers, json.loads(body)))
        return 200, json.dumps({"choices": [{"text": "from afar"}]}).encode(), "application/json"

    with serving(handle) as url:
        agent = http_agent(
            url,
            transport={"headers": {"x-team": "blue"}},
            payload_template={"mode": "fast"},
            result_path=["choices", "0", "text"],
        )
        done = await run_http(agents, agent)
    assert done.result.final_answer == "from afar"
    ((headers, body),) = seen
    assert (body["mode"], body["prompt"], body["metadata"]["phase"]) == ("fast", "the task", "execute")
    assert headers["x-team"] == "blue"
    assert headers["traceparent"].split("-")[1] == done.result.trace_id
    assert headers["traceparent"].split("-")[2] == done.recorded.span("step 1").span_id
    assert f"atlas.session.id={done.result.session_id}" in headers["baggage"]


async def test_plain_text_and_whole_json_are_answers_too(agents, serving):
    with serving(lambda *_: (200, b"just text", "text/plain")) as url:
        assert (await run_http(agents, http_agent(url))).result.final_answer == "just text"
    with serving(lambda *_: (200, b'{"output": "x", "deliverable": "the x"}', "application/json")) as url:
        assert (await run_http(agents, http_agent(url))).result.final_answer == "the x"


async def test_a_busy_server_is_tried_again(agents, serving):
    answers = iter([503, 429, 200])
    retry = {"retry": {"attempts": 3, "backoff_seconds": 0.01}}
    with serving(lambda *_: (next(answers), b"at last", "text/plain")) as url:
        assert (await run_http(agents, http_agent(url, transport=retry))).result.final_answer == "at last"


@pytest.mark.parametrize(
    ("status", "body", "path", "says"),
    [
        (400, b"bad prompt", None, "answered 400: bad prompt"),
        (503, b"busy", None, "answered 503"),
        (200, b"no json", ["answer"], "no JSON"),
        (200, b'{"a": {"b": 1}}', ["a", "c"], "without a.c"),
        (200, b'{"a": []}', ["a", 0], "without a.0"),
    ],
)
async def test_an_http_agent_that_fails_fails_the_session(agents, serving, status, body, path, says):
    with serving(lambda *_: (status, body, "application/json")) as url:
        done = await run_http(agents, http_agent(url, result_path=path))
    assert isinstance(done.error, AdapterError)
    assert says in str(done.error)
    assert done.rows.session.status == "failed"


async def test_a_server_that_is_not_there_is_named(agents):
    done = await run_http(agents, http_agent("http://127.0.0.1:9"))
    assert "http://127.0.0.1:9 cannot be reached" in str(done.error)


# --- self_managed ------------------------------------------------------------------------------------------------


class Corridor:
    """Walk right until the door."""

    def __init__(self, length=3):
        self.length, self.at, self.closed, self.resets = length, 0, False, 0

    async def areset(self, *, task, metadata):
        self.at, self.resets = 0, self.resets + 1
        return {"content": "a corridor", "metadata": {}}

    def astep(self, action, *, metadata):  # hooks may be sync
        self.at += action["command"] == "right"
        return {
            "observation": {"content": f"at {self.at}"},
            "reward": 1.0,
            "done": self.at >= self.length,
            "info": {"left": self.length - self.at},
        }

    async def aclose(self):
        self.closed = True


class Walker:
    """Goes right; submits where it is told to."""

    def __init__(self, submit_at=None):
        self.submit_at, self.seen, self.told = submit_at, [], []

    async def areset(self, *, task, metadata):
        self.seen.clear()

    async def aact(self, observation, *, step_index, metadata):
        self.seen.append(observation)
        self.told.append(metadata.get("guidance"))
        if step_index == self.submit_at:
            return {"command": f"out at {observation}", "submit": True}
        return {"command": "right"}


@pytest.fixture
def walk(agents):
    def put(environment, agent, **more):
        agents.put(environment=lambda **_: environment, walker=lambda **_: agent)
        name = agents.module.__name__
        config = {
            "type": "self_managed",
            "name": "walker",
            "environment": {"import_path": name, "attribute": "environment"},
            "agent": {"import_path": name, "attribute": "walker"},
            **more,
        }
        sections = {"agent": config, "adaptive_teaching": {"mode_override": "auto"}}
        if hasattr(agents.module, "teach"):
            sections["teacher"] = {"type": "python", "import_path": name, "attribute": "teach"}
            sections["adaptive_teaching"]["mode_override"] = "paired"
        agents.config = lambda *_, **__: sections
        return agents

    return put


async def test_it_acts_until_the_environment_is_done(walk):
    environment, agent = Corridor(), Walker()
    done = await walk(environment, agent).run()
    assert done.error is None
    assert agent.seen == ["a corridor", "at 1", "at 2"]
    assert done.result.final_answer == "at 3"
    metadata = done.rows.steps[0].metadata
    assert (metadata["iterations"], metadata["environment_reward"], metadata["submitted"]) == (3, 3.0, False)
    assert environment.closed
    assert done.metadata["adapter_capabilities"] == {
        "control_loop": "self",
        "supports_stepwise": False,
        "telemetry_stream": True,
    }
    events = [p["name"] for p in done.payloads if p["event_type"] == "ADAPTER_EVENT"]
    assert events == ["env_action", "tool_response"] * 3
    assert [step["description"] for step in done.rows.plan["steps"]] == [
        "Run the task in its environment until it is done, and answer with the result."
    ]


async def test_it_acts_until_the_agent_submits(walk):
    done = await walk(Corridor(), Walker(submit_at=1)).run()
    assert done.result.final_answer == "out at at 1"
    assert done.rows.steps[0].metadata["submitted"] is True


async def test_too_many_iterations_are_an_error_that_keeps_the_trajectory(walk):
    done = await walk(Corridor(length=99), Walker(), max_iterations=4).run()
    assert isinstance(done.error, AdapterError)
    assert "max_iterations" in str(done.error)
    last = [p for p in done.payloads if p["event_type"] == "ADAPTER_EVENT"][-1]
    assert last["name"] == "error"
    assert len(last["data"]["output"]["payload"]["trajectory"]) == 4
    assert done.rows.session.status == "failed"


async def test_a_retry_begins_a_fresh_episode_with_the_guidance(walk, agents):
    agents.put(teach=lambda attempt=0, **_: {"valid": attempt > 1, "guidance": "go on"})
    environment, agent = Corridor(), Walker()
    done = await walk(environment, agent).run()
    assert environment.resets == 2
    assert agent.told[0] == []
    assert agent.told[-1] == ["go on"]
    assert done.rows.steps[0].attempts == 2


async def test_plan_summary_and_emitters_of_its_parts_are_used(walk):
    class Talker(Walker):
        def set_event_emitter(self, emit):
            self.emit = emit

        async def aplan(self, *, task, observation, metadata):
            return {"steps": [{"id": 1, "description": f"leave {observation['content']}"}]}

        async def asummarize(self, trajectory, *, task, metadata):
            await self.emit({"event": "progress", "reason": "summing up"})
            return {"turns": len(trajectory)}

    done = await walk(Corridor(), Talker(), auto_close_environment=False).run()
    assert done.result.final_answer == '{"turns":3}'
    assert done.rows.plan["steps"][0]["description"] == "leave a corridor"
    assert done.payloads[-1]["event_type"] == "WORKFLOW_END"
    assert "summing up" in json.dumps(done.payloads)


@pytest.mark.parametrize(
    ("environment", "agent", "says"),
    [
        (object(), Walker(), "agent.environment: object has no areset and no astep"),
        (Corridor(), object(), "agent.agent: object has no aact"),
    ],
)
async def test_parts_that_lack_a_hook_are_named(walk, environment, agent, says):
    assert says in str((await walk(environment, agent).run()).error)


async def test_an_action_out_of_contract_is_an_adapter_error(walk):
    class Odd(Walker):
        async def aact(self, observation, *, step_index, metadata):
            return 7

    assert "aact returned int" in str((await walk(Corridor(), Odd()).run()).error)
