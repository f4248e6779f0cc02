"""An agent, an HTTP tool server and an MCP server, unchanged, under OpenTelemetry's own launcher: one trace, one line.

None of the three imports anything of ours; they send OTLP to the Collector. A model outside sets the pace, and between
its turns each of Jaeger, Postgres, ``collect`` and the Collector is killed with SIGKILL and started again. Who holds a
turn's spans meanwhile:

====  ===================================  ==========================================================
turn  away                                 what the turn's spans wait in
====  ===================================  ==========================================================
0     nobody
1     Jaeger, Postgres                     the Collector's queue (for Jaeger), ``collect``'s spool
2     Jaeger, Postgres, collect            the Collector's two queues
3     all four                             the senders' memory: the SDK tries again for a minute here
4     Jaeger, Postgres                     as turn 1; the Collector has read its queues back from disk
====  ===================================  ==========================================================
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from paced_model import INPUT_TOKENS, OUTPUT_TOKENS, PacedModel, paced_model
from processes import HOST, Collect, Collector, Jaeger, eventually, free_port, listens
from server import Server

from atlas_otel.models.session_trace import AtlasSessionTrace

pytestmark = pytest.mark.timeout(180)

PROGRAMS = Path(__file__).parent / "programs"
CITIES = ("Paris", "Lima", "Atlantis", "Oslo", "Rome")
TASK = "What is the weather in five cities, and how many live there?"
ANSWER = "It is sunny in four of them; nobody knows Atlantis."
AGENT, POPULATION, WEATHER = "agent", "population", "weather"


@pytest.fixture
def postgres(make_server: Callable[..., Server]) -> Server:
    """A Postgres that may be killed."""
    return make_server().make()


@pytest.fixture
def database_url(postgres: Server) -> str:
    return postgres.url


@pytest.fixture
def collect_endpoint(collect: Collect) -> str:
    return collect.endpoint


@pytest.fixture
def python(peer_python: Callable[[str], str]) -> str:
    """The Python of the three; its environment is made in the first run, which is on no test's clock."""
    return peer_python("three-processes")


@pytest.fixture
def model() -> Iterator[PacedModel]:
    with paced_model(CITIES, ANSWER) as model:
        yield model


class Process(NamedTuple):
    """One of the three. Beside sending its spans it prints them: what Jaeger and Postgres must have."""

    process: subprocess.Popen[bytes]
    printed: Path
    complained: Path

    def ended(self) -> list[tuple[str, str]]:
        """Trace and span ids of every span that ended so far, in hex."""
        text, place, found = self.printed.read_text(), 0, []
        while (place := text.find("{\n", place)) >= 0:
            span, place = json.JSONDecoder().raw_decode(text, place)
            found.append((span["context"]["trace_id"][2:], span["context"]["span_id"][2:]))
        return found


class Three:
    """The three processes, started in the order in which they need each other."""

    def __init__(self, python: str, model: PacedModel, collector: Collector, folder: Path) -> None:
        self._launcher = [str(Path(python).with_name("opentelemetry-instrument")), python]
        self._folder = folder
        ports = {POPULATION: free_port(), WEATHER: free_port()}
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        self._env = {
            **kept,
            "PATH": os.pathsep.join([str(Path(python).parent), os.environ["PATH"]]),
            "OPENAI_BASE_URL": model.url,
            "OPENAI_API_KEY": "nobody",
            "TASK": TASK,
            "POPULATION_URL": f"http://{HOST}:{ports[POPULATION]}/population",
            "WEATHER_URL": f"http://{HOST}:{ports[WEATHER]}/mcp",
            "OTEL_TRACES_EXPORTER": "otlp,console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60",  # seconds in which the SDK tries again; its default is 10
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        self.started: dict[str, Process] = {}
        for name, port in ports.items():
            self._start(name, str(port))
        for port in ports.values():
            eventually(lambda port=port: listens(port), seconds=60, what=f"port {port} is listened on")
        self._start(AGENT)

    def ended(self) -> list[tuple[str, str]]:
        """Every span of all three that ended so far."""
        return [span for one in self.started.values() for span in one.ended()]

    def stop(self) -> None:
        """End what still runs."""
        for one in self.started.values():
            one.process.kill()
            one.process.wait()

    def _start(self, name: str, *arguments: str) -> None:
        printed, complained = self._folder / f"{name}.out", self._folder / f"{name}.err"
        # An MCP request says which trace it belongs to in its own message; HTTP around it would make traces of its own.
        without = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "starlette"} if name == WEATHER else {}
        with printed.open("wb") as out, complained.open("wb") as err:
            process = subprocess.Popen(
                [*self._launcher, str(PROGRAMS / f"{name}.py"), *arguments],
                env={**self._env, "OTEL_SERVICE_NAME": name, **without},
                stdout=out,
                stderr=err,
            )
        self.started[name] = Process(process, printed, complained)


def test_one_trace_and_one_line_while_each_part_is_killed_once(
    python: str,
    model: PacedModel,
    postgres: Server,
    collect: Collect,
    collector: Collector,
    jaeger: Jaeger,
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        three = Three(python, model, collector, tmp_path)
        stack.callback(three.stop)
        model.wait_until_asked(1)
        (trace,) = {trace for trace, _ in eventually(three.ended, seconds=30, what="a span has ended")}

        def turn(number: int) -> None:
            """Let the model answer; the tools that it calls are over when it is asked again."""
            model.let()
            model.wait_until_asked(number + 2)

        def taken() -> bool:
            """Whether the Collector, which has run from the start, has acknowledged every span that has ended."""
            return collector.metric("otelcol_receiver_accepted_spans") >= len(three.ended())

        turn(0)
        eventually(lambda: jaeger.spans(trace), seconds=30, what="the stream has reached Jaeger")
        eventually(lambda: _stored(postgres), seconds=30, what="the stream has reached Postgres")

        jaeger.kill()
        postgres.kill()
        turn(1)
        eventually(taken, seconds=30, what="the Collector holds what Jaeger is to have")
        eventually(lambda: collect.metric("waiting", "span") > 0, seconds=30, what="collect's spool holds spans")

        collect.kill()
        turn(2)
        eventually(taken, seconds=30, what="the Collector holds what both are to have")

        collector.kill()
        turn(3)
        agent = three.started[AGENT]
        eventually(lambda: "retrying in" in agent.complained.read_text(), seconds=30, what="the SDK tries again")
        collector.start()
        assert collector.metric("otelcol_exporter_queue_size", "jaeger") > 0, "read back from disk"
        assert collector.metric("otelcol_exporter_queue_size", "collect") > 0

        collect.start()
        turn(4)
        jaeger.start()
        postgres.start()
        model.let()
        assert agent.process.wait(60) == 0, agent.complained.read_text()

        # Two spans an MCP call and three an HTTP call, on the server's side, are known from the tools alone.
        assert ANSWER in agent.printed.read_text()
        eventually(lambda: len(three.started[POPULATION].ended()) == 3 * len(CITIES), seconds=30, what="population's")
        eventually(lambda: len(three.started[WEATHER].ended()) == 2 + len(CITIES), seconds=30, what="weather's spans")
        ended = sorted(three.ended())
        assert {trace} == {trace for trace, _ in ended}
        eventually(lambda: len(jaeger.spans(trace)) >= len(ended), seconds=60, what="Jaeger has them all")
        eventually(lambda: len(_stored(postgres)) >= len(ended), seconds=60, what="Postgres has them all")

    spans = [span for _, span in ended]
    seen = jaeger.spans(trace)
    assert sorted(span["spanId"] for span in seen) == spans, "each once"
    assert _roots(seen) == ["invoke_agent travel"], "whatever else hangs under a span that is there"
    assert _stored(postgres) == spans
    _check_line(_export(postgres.url, trace, tmp_path), trace)


def _roots(seen: list[dict[str, Any]]) -> list[str]:
    """The names of the spans that Jaeger draws at the left: those without a parent, or whose parent it lacks."""
    ids = {span["spanId"] for span in seen}
    return [span["name"] for span in seen if span.get("parentSpanId", "") not in ids]


def _stored(postgres: Server) -> list[object]:
    return [row[0] for row in postgres.query("SELECT span_id FROM atlas_otel.spans ORDER BY span_id")]


def _export(url: str, trace: str, folder: Path) -> dict[str, Any]:
    """The only line, once its session is computed from all of it."""

    def export() -> dict[str, Any] | None:
        output = folder / "traces.jsonl"
        command = [sys.executable, "-m", "atlas_otel", "export", "--database-url", url, "--output", str(output)]
        subprocess.run([*command, "--include-all-statuses", "--quiet"], timeout=60, check=False)
        lines = [json.loads(line) for line in output.read_text().splitlines()] if output.exists() else []
        assert len(lines) <= 1
        done = lines and lines[0]["session_metadata"]["status"] == "succeeded"
        return lines[0] if done else None

    return eventually(export, seconds=30, what="the session exports as one line that has ended")


def _check_line(line: dict[str, Any], trace: str) -> None:
    AtlasSessionTrace.model_validate(line)
    assert (line["task"], line["final_answer"]) == (TASK, ANSWER)
    assert line["session_metadata"]["trace_ids"] == [trace]
    turns = len(CITIES) + 1
    assert line["session_metadata"]["token_usage"] == {
        "prompt_tokens": INPUT_TOKENS * turns,
        "completion_tokens": OUTPUT_TOKENS * turns,
        "total_tokens": (INPUT_TOKENS + OUTPUT_TOKENS) * turns,
        "calls": turns,
    }
    (step,) = line["steps"]
    assert "get_weather returned: sunny in Rome" in step["trace"]
    payloads = [event["event"]["payload"] for event in line["trajectory_events"]]

    def of(kind: str) -> list[dict[str, Any]]:
        return [payload for payload in payloads if payload["event_type"] == kind]

    asked, answered = of("LLM_START"), of("LLM_END")
    assert len(asked) == len(answered) == turns
    assert TASK in json.dumps(asked[0]["data"]["input"])
    for city, question, answer in zip(CITIES, asked[1:], answered, strict=False):
        assert {"get_weather", "get_population"} == {part["name"] for part in _parts(answer, "output", "tool_call")}
        assert city in json.dumps(answer["data"]["output"])
        assert {f"call_{CITIES.index(city)}_get_weather", f"call_{CITIES.index(city)}_get_population"} <= {
            part["id"] for part in _parts(question, "input", "tool_call_response")
        }
        assert answer["usage_info"]["prompt_tokens"] == INPUT_TOKENS
    assert [part["content"] for part in _parts(answered[-1], "output", "text")] == [ANSWER]

    given = {start["UUID"]: start["data"]["input"]["city"] for start in of("TOOL_START")}
    tools = {(end["name"], given[end["UUID"]]): end for end in of("TOOL_END")}
    assert len(of("TOOL_END")) == len(tools) == 2 * len(CITIES), "each call once, whoever saw it"
    for city in CITIES:
        population, weather = tools["get_population", city], tools["get_weather", city]
        assert str(population["data"]["output"]) == str(len(city) * 100_000)
        if city == "Atlantis":
            assert weather["metadata"]["status"] == "failed"
        else:
            assert weather["metadata"]["status"] == "succeeded"
            assert f"sunny in {city}" in json.dumps(weather["data"]["output"])


def _parts(payload: dict[str, Any], side: str, kind: str) -> list[dict[str, Any]]:
    return [part for message in payload["data"][side] for part in message["parts"] if part["type"] == kind]
