"""An agent that is killed: it notes in a ledger what has returned to it, and goes on until it dies.

    killed.py LEDGER THREADS [fork]

A line of the ledger is written, in one system call, after a decorated call or an event has returned: what stands in it
was promised to outlive the process. With ``fork`` parent and child go on side by side.
"""

from __future__ import annotations

import os
import sys
import threading

import atlas_otel as atlas


def main() -> None:
    ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    threads = int(sys.argv[2])
    atlas.configure("killed", console=False)
    if sys.argv[3:] == ["fork"]:
        with atlas.session("run before"):
            os.write(ledger, b"session before\n")
        os.fork()

    @atlas.tool
    def work(call: str) -> str:
        return f"result of {call} " + "x" * (hash(call) % 700)

    @atlas.step
    def turn(name: str, number: int) -> None:
        for inner in range(5):
            call = f"{name}:{number}:{inner}"
            work(call)
            os.write(ledger, f"tool {call}\n".encode())
        atlas.emit_event("tick", f"{name}:{number}")
        os.write(ledger, f"event {name}:{number}\n".encode())

    def run(thread: int) -> None:
        name = f"{os.getpid()}-{thread}"
        with atlas.session(f"run {name}"):
            os.write(ledger, f"session {name}\n".encode())
            number = 0
            while True:
                turn(name, number)
                number += 1

    for thread in range(1, threads):
        threading.Thread(target=run, args=(thread,), daemon=True).start()
    run(0)


if __name__ == "__main__":
    main()
