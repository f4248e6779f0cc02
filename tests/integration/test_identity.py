"""Steps → spans → steps is the identity where the spans have really been somewhere: in Postgres,
over OTLP, on another's provider with default limits, in an exported line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_otel.capture.capture import Capture
from atlas_otel.models.intermediate_step import IntermediateStep
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.postgres.store import PostgresStore
from atlas_otel_exporters import export_jsonl
from tests.support.pushed_steps import plain, plain_steps, record, streams

STREAMS = st.lists(streams, min_size=1, max_size=6)


def test_streams_of_any_kind_come_back_from_postgres(database_url: str) -> None:
    number = 0
    with PostgresStore(database_url) as store:

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(STREAMS)
        def come_back(drawn: list[list[IntermediateStep]]) -> None:
            nonlocal number
            written, keys = [], {}
            for steps in drawn:
                number += 1
                key = f"{number:032x}"
                keys[key] = steps
                # A recording's ids and keys are always the same.
                own = {"trace_id": key, "session_key": key}
                written += [one._replace(**own) for one in record(steps, session="t").all]
            store.write(written)
            for key, steps in keys.items():
                assert plain_steps(store.records(key)) == plain(steps)

        come_back()


PROGRAM = """
    import sys, threading
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    theirs = TracerProvider()
    exporter = InMemorySpanExporter()
    theirs.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(theirs)

    import atlas_otel as atlas
    from atlas_otel import IntermediateStepPayload, IntermediateStepType as Type

    telemetry = atlas.configure("identity")
    seen = []
    manager = atlas.IntermediateStepManager()
    manager.subscribe(seen.append)

    def push(kind, uuid, name=None, metadata=None, **data):
        manager.push_intermediate_step(
            IntermediateStepPayload(event_type=kind, UUID=uuid, name=name or uuid, data=data, metadata=metadata))

    push(Type.WORKFLOW_START, "w", "desk", input={"task": "Count"})
    push(Type.TASK_START, "t", "step_1", input={"step": {"id": 1, "description": "Look"}, "attempt": 1})
    push(Type.LLM_START, "l", "m", input=[{"role": "user", "content": "h\\u00ef\\u2028"}])
    for number in range(5000):
        push(Type.LLM_NEW_TOKEN, "l", "m", chunk=f"{number} ")
    push(Type.TOOL_START, "x", metadata={f"key {n}": n for n in range(300)}, input={"large": 2**62, "small": 1e-7})
    push(Type.FUNCTION_START, "f")
    push(Type.TOOL_END, "x", output={"error": {"type": "LookupError", "message": "nothing"}})
    push(Type.LLM_END, "l", "m", output="done " * 40_000)
    push(Type.LLM_END, "l", "m", output="again")
    push(Type.TOOL_END, "nobody")
    push(Type.LLM_NEW_TOKEN, "l", "m", chunk="late")
    thread = threading.Thread(target=push, args=(Type.FUNCTION_END, "f"))
    thread.start()
    thread.join()
    push(Type.ADAPTER_EVENT, "e", "progress", output={"n": 1})
    push(Type.TASK_END, "t", "step_1", output={"trace": "looked", "output": "one"})
    push(Type.WORKFLOW_END, "w", "desk", output="One.")
    telemetry.shutdown()
    folder = sys.argv[1]
    with open(f"{folder}/steps.jsonl", "w") as file:
        file.writelines(step.model_dump_json() + "\\n" for step in seen)
    with open(f"{folder}/spans.pb", "wb") as file:
        file.write(encode_spans(exporter.get_finished_spans()).SerializeToString())
"""


def test_a_long_stream_on_anothers_provider_comes_back_whole(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    environment |= {"ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
                    "ATLAS_OTEL_EXIT_TIMEOUT_S": "30"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pushed = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_bytes().split(b"\n") if line]
    assert len(pushed) == 5014

    export_jsonl(tmp_path / "line.jsonl", database_url=database_url, review_statuses=None)
    (line,) = (json.loads(text) for text in (tmp_path / "line.jsonl").read_bytes().split(b"\n") if text)
    key = line["session_metadata"]["session_key"]
    with PostgresStore(database_url) as store:
        assert plain_steps(store.records(key)) == pushed
    assert plain_steps(decode_protobuf((tmp_path / "spans.pb").read_bytes(), Capture()).records) == pushed
    events = [event["event"] for event in line["trajectory_events"]]
    marks = [event.pop("anomaly", None) for event in events]
    assert events == pushed
    assert [mark for mark in marks if mark is not None] in ([], ["second_end", "end_without_start", "chunk_after_end"])
    assert line["session_metadata"]["intermediate_step_anomalies"] == {
        "second_end": 1, "end_without_start": 1, "chunk_after_end": 1,
    }  # fmt: skip
    assert line["final_answer"] == "One."
