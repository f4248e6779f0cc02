"""docs/adapters.md, followed as it stands: its files, its commands, in their order."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_guide_leads_to_an_exported_line(database_url, tmp_path):
    for text in (*blocks("python"), *blocks("yaml")):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text)
    environment = {
        **os.environ,
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
    }
    said = {}
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("atlas-otel")]
    for command in commands:
        words = shlex.split(command)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "atlas_otel", *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        said[words[0]] = done.stdout
    assert set(said) == {"config", "adapters", "run", "sessions", "review", "export"}
    assert "lane: paired: it would be the first session" in said["adapters"]
    assert "7 euros" in said["run"]
    (line,) = map(json.loads, (tmp_path / "traces.jsonl").read_text().splitlines())
    assert (line["final_answer"], line["session_reward"]["score"]) == ("7 euros", 1.0)
    assert (line["review_status"], line["review_notes"]) == ("approved", "looked at it")
    (step,) = line["steps"]
    assert (step["attempts"], step["guidance"]) == (2, ["Name the currency."])
    assert [event["type"] for event in line["trajectory_events"]].count("ADAPTER_EVENT") == 2
