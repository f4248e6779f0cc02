"""A model endpoint in OpenAI's wire format that answers the Atlas runtime's prompts by rule.

It stands in for the model only: prompts, lanes, retries, judges, events and rows are the runtime's own.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLAN = {"steps": [{"id": 1, "description": "Count the open tickets", "depends_on": []}]}
REWARD = {
    "principles": [{"name": "accuracy", "weight": 1.0, "description": "The number is right."}],
    "score": 0.75,
    "rationale": "It names the number.",
    "uncertainty": 0.125,
}


class ScriptedModel:
    """Serves on a free port of this machine until :meth:`close`."""

    def __init__(self) -> None:
        self._rejected: set[str] = set()
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                prompt = "\n".join(str(message.get("content")) for message in asked["messages"])
                if "out of order" in prompt:
                    self.send_error(400, "the scripted model is out of order")
                    return
                said = model.answer(prompt)
                answer = said if isinstance(said, str) else json.dumps(said)
                usage = {"prompt_tokens": len(prompt), "completion_tokens": len(answer)}
                usage["total_tokens"] = sum(usage.values())
                message = {"role": "assistant", "content": answer}
                body = json.dumps(
                    {
                        "id": "scripted",
                        "object": "chat.completion",
                        "created": 1,
                        "model": asked["model"],
                        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                        "usage": usage,
                    }
                ).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: standard error is for failures."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, prompt: str) -> object:
        """What a model would say; the first try at a task that says "twice" is rejected."""
        if "solution evaluator" in prompt:
            return REWARD
        if "Validate whether the student" in prompt:
            if "twice" in prompt and "twice" not in self._rejected:
                self._rejected.add("twice")
                return {"valid": False, "guidance": "Name the number."}
            return {"valid": True, "guidance": None}
        if "matching this schema" in prompt or "proposed plan" in prompt:
            return PLAN
        if "twice" in prompt and "Guidance History: []" in prompt:
            return {"result": {"deliverable": "Some tickets are open.", "artifacts": {}}}
        if "in prose" in prompt:
            return "Three tickets are open."
        return {"result": {"deliverable": "Three tickets are open.", "artifacts": {"tickets": 3}}}

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
