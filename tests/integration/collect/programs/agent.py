"""An agent that calls a tool over HTTP; argument: the tool server's port. Prints its session's id."""

import sys
import urllib.request

from opentelemetry import propagate, trace

import atlas_otel

atlas_otel.configure()


@atlas_otel.tool
def remote(path: str) -> str:
    headers: dict[str, str] = {}
    # What an instrumented client does.
    with trace.get_tracer("client").start_as_current_span("GET", kind=trace.SpanKind.CLIENT):
        propagate.inject(headers)
        request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()


with atlas_otel.session("look it up", name="agent") as session, atlas_otel.step("ask"):
    session.final_answer = remote("/page")
print(session.id)
assert atlas_otel.flush()
