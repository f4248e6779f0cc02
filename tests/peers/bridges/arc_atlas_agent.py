"""Runs of the Atlas SDK under our bridge: run in its own environment, as ``arc_atlas_agent.py FOLDER``.

One that ends well and one whose model is out of order. Their steps, as the SDK's own subscribers get them, go to
FOLDER/steps-N.jsonl.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # without it the import asks the network
os.environ["SCRIPTED_KEY"] = "none"
sys.path.insert(0, str(Path(__file__).parents[1] / "arc_atlas"))

from atlas.core import arun
from scripted_model import ScriptedModel

import atlas_otel
from atlas_otel.bridges import arc_atlas


async def main() -> None:
    folder = Path(sys.argv[1])
    atlas_otel.configure("arc-bridge")
    model = ScriptedModel()
    llm = {
        "provider": "openai",
        "model": "openai/scripted",
        "api_base": model.base_url,
        "api_key_env": "SCRIPTED_KEY",
    }
    settings = {
        "agent": {"type": "openai", "name": "desk", "system_prompt": "You answer for a help desk.", "llm": llm},
        "teacher": {"llm": llm},
        "rim": {"small_model": llm, "large_model": llm},
        "learning": {"enabled": False, "llm": llm},
        "storage": None,
        "adaptive_teaching": {"mode_override": "paired"},
    }
    (folder / "atlas.yaml").write_text(json.dumps(settings))  # JSON is YAML
    tasks = ["How many tickets are open? Ask twice.", "How many tickets are open? The model is out of order."]
    for number, task in enumerate(tasks):
        seen: list[str] = []
        try:
            await arun(
                task,
                str(folder / "atlas.yaml"),
                publisher=arc_atlas.publisher(),
                intermediate_step_handler=lambda step, seen=seen: seen.append(step.model_dump_json()),
            )
        except Exception as error:  # this run is wanted too
            print(type(error).__name__, error, file=sys.stderr)
            if "out of order" not in task:
                raise
        (folder / f"steps-{number}.jsonl").write_text("\n".join(seen), encoding="utf-8")
    model.close()
    atlas_otel.shutdown()


asyncio.run(main())
