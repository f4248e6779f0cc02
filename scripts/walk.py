"""Through how many files and functions one thing goes: a map of the code, measured.

A profile hook counts, while one thing is done, the files and functions of ours that run, the calls between them, and
how often a call goes from one file to another. Each thing is done once before, so that imports and caches do not count.

    python scripts/walk.py                      print the table
    python scripts/walk.py --write              and put it into docs/architecture.md
    python scripts/walk.py --json               the figures alone, for --before
    python scripts/walk.py --before FILE --write    beside those of another checkout

To measure another checkout, also one from before the package had rooms: put it first on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

DOCS = Path(__file__).parents[1] / "docs" / "architecture.md"
BEGIN, END = "<!-- walk: written by scripts/walk.py -->", "<!-- end of walk -->"
WALKS = {
    "tool call": "one decorated tool call in a session, on the agent's thread",
    "drain": "a session of three spans, from the journal to its contract rows, on the drain's thread",
    "export": "that session as a line",
    "pushed step": "START and END of one step, on the agent's thread",
    "OTLP": "one span of another instrumentation, from the request's bytes to records",
}


class Walk:
    """What ran: code objects of ours, and the calls between them."""

    def __init__(self, package: Path) -> None:
        self._packages = (str(package), str(package.parent / "exporters"), "<atlas_otel wrapper")
        self._thread: int | None = None
        self._seen: dict[Any, int] = {}
        self._hops = 0

    @contextmanager
    def on(self, *, thread: str | None = None) -> Iterator[None]:
        """Count in the block: this thread, or the one whose name begins with ``thread``."""
        self._seen, self._hops = {}, 0
        if thread is None:
            ident: int | None = threading.get_ident()
        else:
            ident = next(one.ident for one in threading.enumerate() if one.name.startswith(thread))
        self._thread = ident
        try:
            yield
        finally:
            self._thread = None

    def hook(self, frame: FrameType, event: str, argument: object) -> None:
        """For ``sys.setprofile`` and ``threading.setprofile``."""
        if event != "call" or threading.get_ident() != self._thread:
            return
        code = frame.f_code
        if not code.co_filename.startswith(self._packages):
            return
        self._seen[code] = self._seen.get(code, 0) + 1
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(self._packages):
            caller = caller.f_back
        self._hops += caller is not None and caller.f_code.co_filename != code.co_filename

    def figures(self) -> dict[str, int]:
        """The counts of the last block."""
        files = {code.co_filename for code in self._seen}
        calls = sum(self._seen.values())
        return {"files": len(files), "functions": len(self._seen), "calls": calls, "changes of file": self._hops}


def found(name: str, *modules: str) -> Any:
    """``name`` from the first of ``modules`` that there is: a checkout may have another layout."""
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"none of {', '.join(modules)} is there")


def a_request() -> bytes:
    """An OTLP request with one span of the GenAI conventions."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_v2"
    span = scope.spans.add(
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        name="chat m",
        start_time_unix_nano=10**18,
        end_time_unix_nano=10**18 + 9,
    )
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
    for key, value in (("gen_ai.operation.name", "chat"), ("gen_ai.input.messages", messages)):
        span.attributes.add(key=key).value.string_value = value
    return bytes(request.SerializeToString())


def measured(folder: Path) -> dict[str, dict[str, int]]:
    """Every walk's figures, in a database of its own in ``folder``."""
    import atlas_otel as atlas
    from atlas_otel import IntermediateStepManager, IntermediateStepPayload, IntermediateStepType
    from atlas_otel_exporters import export_jsonl

    walk = Walk(Path(atlas.__file__).parent)
    sys.setprofile(walk.hook)
    threading.setprofile(walk.hook)
    url = f"embedded:{folder / 'server'}"
    os.environ["ATLAS_OTEL_SPOOL_DIR"] = str(folder / "spool")
    telemetry = atlas.configure("walk", database_url=url, console=False)
    capture = found("Capture", "atlas_otel.capture.capture", "atlas_otel.capture")()
    decode = found("decode_protobuf", "atlas_otel.otlp.protobuf")
    request, manager = a_request(), IntermediateStepManager()

    @atlas.tool
    def search(query: str, limit: int = 3) -> list[str]:
        return [query] * limit

    def push() -> None:
        for number, kind in enumerate((IntermediateStepType.TOOL_START, IntermediateStepType.TOOL_END)):
            data = {"input": {"query": "a"}} if number == 0 else {"output": ["a"]}
            manager.push_intermediate_step(
                IntermediateStepPayload(event_type=kind, UUID=f"u{push_id}", name="search", data=data)
            )

    def a_session() -> None:
        with atlas.session("Find it") as session, atlas.step("Look", id=1):
            session.final_answer = search("a")[0]

    def exported() -> None:
        export_jsonl(folder / "line.jsonl", database_url=url, review_statuses=None)

    def walked(act: Callable[[], object], *, thread: str | None = None) -> dict[str, int]:
        with walk.on(thread=thread):
            act()
        return walk.figures()

    push_id = 0
    for _ in range(2):
        a_session()
        telemetry.flush(30)
        exported()
        decode(request, capture)
        with atlas.session("warm"):
            push()
    telemetry.flush(30)
    figures = {}
    with atlas.session("Find it"):
        figures["tool call"] = walked(lambda: search("a"))
        push_id = 1
        figures["pushed step"] = walked(push)
    telemetry.flush(30)

    def drained() -> None:
        a_session()
        telemetry.flush(30)

    figures["drain"] = walked(drained, thread="atlas-otel-drain")
    figures["export"] = walked(exported)
    figures["OTLP"] = walked(lambda: decode(request, capture))
    telemetry.shutdown()
    sys.setprofile(None)
    threading.setprofile(None)  # type: ignore[arg-type]
    from atlas_otel.postgres import embedded

    embedded.stop(folder / "server")
    return {name: figures[name] for name in WALKS}


def table(after: dict[str, dict[str, int]], before: dict[str, dict[str, int]] | None) -> str:
    """The figures as Markdown."""
    columns = list(next(iter(after.values())))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, said in WALKS.items():
        cells = []
        for column in columns:
            now = after[name][column]
            cells.append(f"{before[name][column]:,} → {now:,}" if before is not None else f"{now:,}")
        lines.append(f"| {said} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--before", type=Path, help="figures of another checkout, as --json printed them")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCS.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root the server runs as another user, who must get in
        after = measured(Path(folder))
    before = json.loads(options.before.read_text("utf-8")) if options.before else None
    print(json.dumps(after) if options.json else table(after, before))
    if options.write:
        text = DOCS.read_text("utf-8")
        head, rest = text.split(BEGIN)
        DOCS.write_text(f"{head}{BEGIN}\n\n{table(after, before)}\n\n{END}{rest.split(END)[1]}", "utf-8")


if __name__ == "__main__":
    main()
