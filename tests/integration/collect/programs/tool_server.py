"""A tool behind HTTP, in a process of its own: prints its port, serves until it is killed."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import context, propagate, trace

import atlas_otel

atlas_otel.configure()


@atlas_otel.tool
def lookup(path: str) -> str:
    return f"found {path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        # What an instrumented server does with a request.
        token = context.attach(propagate.extract({key.lower(): value for key, value in self.headers.items()}))
        try:
            with trace.get_tracer("server").start_as_current_span(
                "GET", kind=trace.SpanKind.SERVER, attributes={"gen_ai.operation.name": "execute_tool"}
            ):
                body = lookup(self.path).encode()
        finally:
            context.detach(token)
        atlas_otel.flush()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None: ...


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
