"""What a person sees of a governed run where standard error is no terminal: the lines of contract §5."""

from __future__ import annotations

import re
from contextlib import suppress

from opentelemetry.sdk.trace import TracerProvider

import atlas_otel as atlas


async def test_the_lines_of_a_run_with_a_retry(agents, hooked, capsys):
    hooked.outputs = ("bad", "good")
    agents.put(
        agent=hooked,
        teach=lambda output="", **_: {"valid": output == "good", "reason": f"saw {output}", "guidance": "be good"},
        judge=lambda **_: {"score": 0.5},
    )
    made = atlas.configure("tests", tracer_provider=TracerProvider(), console=True)
    await atlas.arun("the task", config=agents.config(lane="paired"))
    made.shutdown(10)
    said = capsys.readouterr()
    assert said.out == ""
    lines = [re.sub(r"duration=\d+ms", "duration=Nms", line) for line in said.err.splitlines()]
    assert lines[0].startswith("=== Atlas task started: the task (")
    assert [line for line in lines if line.startswith(("STEP", "ADAPTER"))] == [
        'ADAPTER progress | data={"phase":"open"}',
        'ADAPTER env_action | step=1 | data={"n":0}',
        "STEP 1: the task | actor=teacher | attempt=1 | guidance=be good",
        "STEP 1: the task | actor=student | attempt=1 | validation=FAIL (saw bad) | duration=Nms",
        'ADAPTER env_action | step=1 | data={"n":1}',
        "STEP 1: the task | actor=student | attempt=2 | validation=PASS (saw good) | duration=Nms",
    ]
    assert "synthesized 1" in lines
    assert re.fullmatch(
        r"Summary \| execution_mode=paired \| total_runtime=\d+\.\d\ds \| judge_calls=1 \| attempts=2 \| reward=0\.50",
        lines[-1],
    )


async def test_the_lines_of_a_run_that_fails(agents, hooked, capsys):
    async def aexecute(self, *_):
        raise ValueError("no luck")

    hooked.aexecute = aexecute
    agents.put(agent=hooked)
    made = atlas.configure("tests", tracer_provider=TracerProvider(), console=True)
    with suppress(atlas.AtlasOtelError):
        await atlas.arun("the task", config=agents.config(lane="auto"))
    made.shutdown(10)
    lines = capsys.readouterr().err.splitlines()
    assert "STEP 1: the task | actor=student | attempt=1 | validation=ERROR (ValueError: no luck)" in lines
    assert re.search(r"=== Atlas task failed after \d+\.\d\ds: ValueError: no luck ===", "\n".join(lines))
