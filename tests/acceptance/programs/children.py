"""A parent and children in every way that Python makes them; each records one session, and none flushes.

children.py WAY     fork | spawn | pool-fork | os-fork | os-fork-busy | preload
"""

from __future__ import annotations

import contextvars
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time

import atlas_otel as atlas


@atlas.tool
def work(number: int) -> int:
    return number


def child(name: str) -> None:
    atlas.configure("children", console=False)  # after a spawn nothing is configured; after a fork it changes nothing
    with atlas.session(name):
        for number in range(20):
            work(number)


def fork_amid_work(names: list[str]) -> None:
    """Each child is born amid what three threads do in the very session that it goes on with at first."""
    done = threading.Event()
    manager = atlas.IntermediateStepManager()

    def busy() -> None:
        while not done.is_set():
            with atlas.step("busy"):
                atlas.emit_event("tick")
                manager.push_intermediate_step(pushed)

    pushed = atlas.IntermediateStepPayload(event_type=atlas.IntermediateStepType.CUSTOM_START, name="n")
    with atlas.session("parent busy"):
        threads = [threading.Thread(target=busy, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(25):
            pid = os.fork()
            if pid == 0:
                faulthandler.dump_traceback_later(20, exit=True)
                with atlas.step("of a child"):
                    atlas.emit_event("tick")
                    manager.push_intermediate_step(pushed)
                if number < len(names):
                    contextvars.Context().run(child, names[number])  # a session of its own
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "it hung"
        done.set()
        for thread in threads:
            thread.join()


def main() -> None:
    way = sys.argv[1]
    atlas.configure("children", console=False)
    if way != "preload":  # a preloading server configures, forks, and has recorded nothing itself
        child("parent before")
        time.sleep(0.5)  # the writer's connection lives when the fork comes
    names = [f"child {number}" for number in range(3)]
    if way in ("fork", "spawn"):
        context = multiprocessing.get_context(way)
        processes = [context.Process(target=child, args=(name,)) for name in names]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    elif way == "pool-fork":
        with multiprocessing.get_context("fork").Pool(3) as pool:
            pool.map(child, names)  # the pool is terminated at the end of the block: SIGTERM
    elif way == "os-fork-busy":
        fork_amid_work(names)
    else:
        pids = []
        for name in names:
            pid = os.fork()
            if pid == 0:
                child(name)
                if way == "preload":
                    signal.raise_signal(signal.SIGTERM)
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
    child("parent after")


if __name__ == "__main__":
    main()
