"""The traffic: sessions of a decorated agent as OTLP requests, made once; and how they are sent."""

from __future__ import annotations

import gzip
import http.client
import queue
import random
import threading
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import atlas_otel as atlas

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS: Final = 4
TOOLS: Final = 2
"""Tool calls a step."""
SPANS: Final = 1 + STEPS * (2 + TOOLS)
"""Of a session: itself, and for each step the step, a model call and the tool calls."""
_BATCH: Final = 512
"""What the SDK sends at once."""


class Traffic(NamedTuple):
    """Requests that hold ``sessions`` whole sessions of ``SPANS`` spans each."""

    requests: list[bytes]
    sessions: int

    @property
    def spans(self) -> int:
        """How many spans there are in all."""
        return self.sessions * SPANS

    def first_half(self) -> Traffic:
        """The first half of the requests; all but the last one hold as many sessions."""
        number = len(self.requests) // 2
        return Traffic(self.requests[:number], number * -(-_BATCH // SPANS))

    @property
    def wire_bytes(self) -> float:
        """Bytes of a span in OTLP protobuf."""
        return sum(map(len, self.requests)) / self.spans

    @property
    def gzip_bytes(self) -> float:
        """The same, a batch packed by gzip at its usual level."""
        return sum(len(gzip.compress(request, 6)) for request in self.requests) / self.spans


class _Text:
    """Words that recur about as those of a language do, so that packing them gains what it gains with text."""

    def __init__(self) -> None:
        self._random = random.Random(7)
        letters = "etaoinshrdlucmfw"
        self._words = ["".join(self._random.choices(letters, k=self._random.randint(2, 9))) for _ in range(5000)]
        self._weights = [1 / (rank + 3) for rank in range(5000)]

    def __call__(self, characters: int) -> str:
        words = self._random.choices(self._words, self._weights, k=characters // 4)
        return " ".join(words)[:characters]


def make(sessions: int) -> Traffic:
    """Record so many sessions with an agent of this process, and keep what it would send."""
    exported = InMemorySpanExporter()
    telemetry = atlas.configure("scaling", span_processors=[SimpleSpanProcessor(exported)], console=False)
    text = _Text()

    @atlas.tool
    def look_up(query: str) -> str:
        return text(1200)

    @atlas.llm(model="model-1", provider="provider-1")
    def complete(messages: list[dict[str, str]]) -> dict[str, object]:
        usage = {"prompt_tokens": 1500, "completion_tokens": 150}
        return {"choices": [{"message": {"role": "assistant", "content": text(600)}}], "usage": usage}

    requests: list[bytes] = []
    for number in range(sessions):
        with atlas.session(f"task {number}: {text(200)}", name="desk", new=True) as session:
            for step in range(1, STEPS + 1):
                with atlas.step(text(60), id=step) as done:
                    for _ in range(TOOLS):
                        look_up(text(100))
                    complete([{"role": "system", "content": text(1000)}, {"role": "user", "content": text(5000)}])
                    done.output = text(300)
            atlas.record_reward(0.5, rationale=text(200))
            session.final_answer = text(400)
        spans = exported.get_finished_spans()
        if len(spans) >= _BATCH or number == sessions - 1:
            requests.append(encode_spans(spans).SerializeToString())
            exported.clear()
    telemetry.shutdown()
    return Traffic(requests, sessions)


def send_grpc(requests: Sequence[bytes], endpoint: str, certificate: bytes) -> None:
    """Post all requests over gRPC with TLS, one after the other, each until it is taken."""
    credentials = grpc.ssl_channel_credentials(certificate)
    with grpc.secure_channel(endpoint, credentials) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        for request in requests:
            export(request, timeout=60)


def send(requests: Sequence[bytes], endpoints: Sequence[str], senders: int) -> None:
    """Post all requests, the endpoints in turn, by so many senders side by side; each until it is taken."""
    waiting: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    for place, request in enumerate(requests):
        waiting.put((endpoints[place % len(endpoints)], request))
    failures: list[BaseException] = []

    def work() -> None:
        connections: dict[str, http.client.HTTPConnection] = {}
        try:
            while True:
                endpoint, request = waiting.get_nowait()
                there = connections.setdefault(endpoint, http.client.HTTPConnection(urlsplit(endpoint).netloc))
                there.request("POST", "/v1/traces", request, {"Content-Type": "application/x-protobuf"})
                answer = there.getresponse()
                said = answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{endpoint} answered {answer.status}: {said[:200]!r}")
        except queue.Empty:
            pass
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            failures.append(error)
        finally:
            for connection in connections.values():
                connection.close()

    threads = [threading.Thread(target=work) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
