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
from pathlib import Path
from typing import Any

import platformdirs
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.model_wires import SYSTEM, TASK, ScriptedModel, scripted_model
from tests.support.producers import PRODUCERS, PROGRAMS, RECORDED, TESTS, Producer, Recording

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
    if producer.program.endswith(".mjs"):
        shutil.copy(PROGRAMS / producer.program, folder / producer.program)
        _do(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *producer.packages])
    else:
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        _do([uv, "venv", "--quiet", "--python", "3.11", "--clear", str(folder)])
        python = str(folder / "bin" / "python")
        _do([uv, "pip", "install", "--quiet", "--python", python, *producer.packages, *EXPORTER])
    ready.touch()
    return folder


def _do(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done


def installed(folder: Path, producer: Producer) -> dict[str, str]:
    """The versions of the packages that make the producer."""
    names = [re.split(r"[\[=<>~]", one)[0] if one[0] != "@" else one for one in producer.packages]
    if producer.program.endswith(".mjs"):
        held = {name: folder / "node_modules" / name / "package.json" for name in names}
        return {name: json.loads(path.read_text(encoding="utf-8"))["version"] for name, path in held.items()}
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    return json.loads(_do([str(folder / "bin" / "python"), "-c", code, *names]).stdout)  # type: ignore[no-any-return]


def record(name: str) -> Recording:
    """Run the producer; what came of it."""
    producer = PRODUCERS[name]
    folder = environment(name, producer)
    node = producer.program.endswith(".mjs")
    if node:
        shutil.copy(PROGRAMS / producer.program, folder / producer.program)
    command = (
        ["node", str(folder / producer.program)]
        if node
        else [str(folder / "bin/python"), str(PROGRAMS / producer.program)]
    )
    with scripted_model() as model, tempfile.TemporaryDirectory() as home:
        variables = {
            "PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "PYTHONPATH": str(TESTS / "support"),
            "PYTHONDONTWRITEBYTECODE": "1", "MODEL_URL": model.url, "SYSTEM": SYSTEM, "TASK": TASK,
            "OTEL_EXPORTER_OTLP_ENDPOINT": model.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            **producer.environment,
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
            model.url: "http://model",
        }
        print(f"{name}: {len(model.exchanges)} exchanges, {len(model.otlp)} of OTLP, strange: {model.strange[:3]}")
        return _recording(model, installed(folder, producer), shown)


def _recording(model: ScriptedModel, versions: dict[str, str], shown: dict[str, str]) -> Recording:
    signals = [_document(kind, body) for kind, body in model.otlp if kind in _KINDS]
    found = Recording(versions, model.exchanges, [one for one in signals if one])
    text = found.text()
    for path, instead in shown.items():
        text = text.replace(path, instead)
    rest = [json.loads(line) for line in text.split("\n") if line][1:]
    exchanges = [line["exchange"] for line in rest if "exchange" in line]
    return Recording(versions, exchanges, [line for line in rest if "exchange" not in line])


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
    for name in names or PRODUCERS:
        found = record(name)
        if found.signals:
            RECORDED.mkdir(exist_ok=True)
            (RECORDED / f"{name}.jsonl").write_text(found.text(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
