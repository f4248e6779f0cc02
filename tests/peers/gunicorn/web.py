"""A web agent under gunicorn with ``--preload``: configured, and at work already, in the master before it forks.

Each process writes its accounts to the folder WEB_ACCOUNTS when it is over, after ``configure``'s own exit handler.
"""

from __future__ import annotations

import atexit
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import atlas_otel as atlas


def note() -> None:
    accounts = telemetry.accounts
    tallies = {"spans": accounts.spans, "events": accounts.events}
    said = {name: [t.started, t.stored, t.open, t.spooled, t.lost] for name, t in tallies.items()}
    Path(os.environ["WEB_ACCOUNTS"], str(os.getpid())).write_text(json.dumps(said))


atexit.register(note)  # the first to be registered is the last to run
telemetry = atlas.configure("web", console=False)


@atlas.tool
def look_up(number: str) -> str:
    return f"about {number}"


with atlas.session("the master's", new=True):
    for number in range(20):
        look_up(str(number))
time.sleep(0.5)  # the writer has a connection when the workers are forked


def app(environ: dict[str, str], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    number = environ["PATH_INFO"].strip("/")
    with atlas.session(f"request {number}", name="web") as session, atlas.step("answer"):
        session.final_answer = look_up(number)
        atlas.emit_event("answered", number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()}".encode()]
