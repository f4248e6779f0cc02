"""Write ``producers/NAME.jsonl`` anew: what real producers send over OTLP, and what their model's server saw.

Each runs in an environment of its own, made by uv (or npm), against a scripted model. Usage, with the Python of the
checkout: ``python -m tests.recorded.record_producers [NAME …]``.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import one_loop
from tests.support.model_wires import ANSWER, SYSTEM, TASK, ScriptedModel, scripted_model
from tests.support.producers import LOOPS, PRODUCERS, PROGRAMS, RECORDED, TESTS, Producer, Recording

ENVIRONMENTS = Path(os.environ.get("ATLAS_OTEL_PEERS") or platformdirs.user_cache_dir("atlas-otel"), "producers")
EXPORTER = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
_KINDS = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
_KEPT_RESOURCE = ("service.name", "gen_ai.", "session.id")
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def environment(name: str, producer: Producer) -> Path:
    """The folder of the producer's environment, made where it is not there."""
    folder = ENVIRONMENTS / re.sub(r"[^a-z0-9]+", "-", " ".join(sorted(producer.packages)).lower())[:150].strip("-")
    ready = folder / "ready"
    if ready.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if _is_node(producer):
        _do(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *producer.packages])
    else:
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        _do([uv, "venv", "--quiet", "--python", "3.11", "--clear", str(folder)])
        python = str(folder / "bin" / "python")
        _do([uv, "pip", "install", "--quiet", "--python", python, *producer.packages, *EXPORTER])
    ready.touch()
    return folder


_LOOP = {"chat": one_loop.openai_answer, "anthropic": one_loop.anthropic_answer}


def _given_to_the_loop() -> dict[str, Any]:
    return {
        "system": one_loop.SYSTEM, "model": one_loop.MODEL,
        "openai_opening": one_loop.OPENAI_OPENING, "openai_tools": one_loop.OPENAI_TOOLS,
        "anthropic_opening": one_loop.ANTHROPIC_OPENING, "anthropic_tools": one_loop.ANTHROPIC_TOOLS,
    }  # fmt: skip


def _is_node(producer: Producer) -> bool:
    return producer.program.endswith(".mjs") or producer.packages[0].startswith("@")


def _do(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done


def installed(folder: Path, producer: Producer) -> dict[str, str]:
    """The versions of the packages that make the producer."""
    names = [re.split(r"[\[=<>~]", one)[0] if one[0] != "@" else one for one in producer.packages]
    if _is_node(producer):
        held = {name: folder / "node_modules" / name / "package.json" for name in names}
        return {name: json.loads(path.read_text(encoding="utf-8"))["version"] for name, path in held.items()}
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    return json.loads(_do([str(folder / "bin" / "python"), "-c", code, *names]).stdout)  # type: ignore[no-any-return]


def record(name: str) -> Recording:
    """Run the producer; what came of it."""
    producer = {**PRODUCERS, **LOOPS}[name]
    folder = environment(name, producer)
    python = sys.executable if _is_node(producer) else str(folder / "bin/python")
    command = [python, str(PROGRAMS / producer.program)]
    if producer.program.endswith(".mjs"):
        shutil.copy(PROGRAMS / producer.program, folder / producer.program)  # beside the packages that it imports
        command = ["node", str(folder / producer.program)]
    with scripted_model(_LOOP if name in LOOPS else None) as model, tempfile.TemporaryDirectory() as home:
        variables = {
            "PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "PYTHONPATH": str(TESTS / "support"),
            "PYTHONDONTWRITEBYTECODE": "1", "MODEL_URL": model.url, "SYSTEM": SYSTEM, "TASK": TASK,
            "ENVIRONMENT": str(folder), "OTEL_EXPORTER_OTLP_ENDPOINT": model.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "LOOP": json.dumps(_given_to_the_loop()), **producer.environment,
        }  # fmt: skip
        done = subprocess.run(
            [*command, *producer.arguments], env=variables, cwd=home, capture_output=True, text=True,
            timeout=170, check=False,
        )  # fmt: skip
        if done.returncode != 0 or os.environ.get("VERBOSE"):
            print(f"{name}: exit status {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}")
        shown = {
            str(folder): "/environment",
            home: "/home",
            str(TESTS.parent): "/repository",
            sys.base_prefix: "/python",
            model.url: "http://model",
        }
        print(f"{name}: {len(model.exchanges)} exchanges, {len(model.otlp)} of OTLP, strange: {model.strange[:3]}")
        found = _recording(model, installed(folder, producer), shown)
        return _without_instructions(found) if producer.program == "command_line.py" else found


def _recording(model: ScriptedModel, versions: dict[str, str], shown: dict[str, str]) -> Recording:
    signals = [_document(kind, body) for kind, body in model.otlp if kind in _KINDS]
    found = Recording(versions, model.exchanges, [one for one in signals if one])
    text = found.text()
    for path, instead in shown.items():
        text = text.replace(path, instead)
    rest = [json.loads(line) for line in text.split("\n") if line][1:]
    exchanges = [line["exchange"] for line in rest if "exchange" in line]
    return Recording(versions, exchanges, [line for line in rest if "exchange" not in line])


_LONG = 80
_SAID = (TASK, ANSWER, "4 degrees", "no such city: Atlantis")
"""A text of an agent's own instructions that is longer is left out of the recording: it is somebody else's."""


def _without_instructions(found: Recording) -> Recording:
    """The recording with long texts of requests (instructions, descriptions of tools) replaced by how long they are,
    wherever they stand and however often they are escaped."""
    longs = sorted({one for held in found.exchanges for one in _long_texts(held["request"])}, key=len, reverse=True)
    text = found.text()
    for one in longs:
        shown = f"[a text of {len(one)} characters]"
        for escaped in _escaped(one):
            text = text.replace(escaped, shown)
    rest = [json.loads(line) for line in text.split("\n") if line][1:]
    exchanges = [line["exchange"] for line in rest if "exchange" in line]
    signals = [line for line in rest if "exchange" not in line]
    for scope in [one for line in signals for held in line.get("resourceSpans", ()) for one in held["scopeSpans"]]:
        if scope["scope"].get("name") == "codex_exec":  # hundreds of what goes on inside of it
            scope["spans"] = [one for one in scope["spans"] if _is_about_a_model(one)]
    return Recording(found.installed, exchanges, signals)


def _is_about_a_model(span: dict[str, Any]) -> bool:
    return any(one["key"].startswith(("gen_ai.", "codex.turn.token")) for one in span.get("attributes", ()))


def _long_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) > _LONG and not any(said in value for said in _SAID):
            yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _long_texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _long_texts(one)


def _escaped(text: str) -> Iterator[str]:
    """The text within JSON, within JSON that is a text of JSON, and so on; with and without characters beyond ASCII."""
    forms = {text}
    for _ in range(4):
        forms = {json.dumps(one, ensure_ascii=ascii)[1:-1] for one in forms for ascii in (True, False)}
        yield from sorted(forms, key=len, reverse=True)


def _document(kind: str, body: bytes) -> dict[str, Any]:
    if body[:1] == b"{":
        document: dict[str, Any] = json.loads(body)
    else:
        message = _KINDS[kind]()
        message.ParseFromString(body)
        document = _with_hex_ids(MessageToDict(message))
    for held in document.get("resourceSpans", []) + document.get("resourceLogs", []):
        about = held.get("resource", {}).get("attributes", [])
        held["resource"] = {"attributes": [one for one in about if one["key"].startswith(_KEPT_RESOURCE)]}
    return document


def _with_hex_ids(value: Any) -> Any:
    """Protobuf's JSON has ids in base64, OTLP's in hexadecimal."""
    if isinstance(value, dict):
        return {
            key: base64.b64decode(one).hex() if key in _IDS and isinstance(one, str) else _with_hex_ids(one)
            for key, one in value.items()
        }
    return [_with_hex_ids(one) for one in value] if isinstance(value, list) else value


def main(names: list[str]) -> None:
    for name in names or [*PRODUCERS, *LOOPS]:
        found = record(name)
        if found.signals:
            RECORDED.mkdir(exist_ok=True)
            (RECORDED / f"{name}.jsonl").write_text(found.text(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
