"""A parent and children in every way that Python makes them; each records one session, and none flushes.

children.py WAY     fork | spawn | pool-fork | os-fork | preload
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
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
