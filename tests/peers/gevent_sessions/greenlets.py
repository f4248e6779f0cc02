"""Greenlets of gevent in sessions: who asked for each call, and the session that it is in, as JSON on stdout."""

import sys

ORDER = sys.argv[1]
if ORDER == "gevent first":
    from gevent import monkey

    monkey.patch_all()

import json  # noqa: E402 — gevent patches first
import threading  # noqa: E402
from contextvars import ContextVar  # noqa: E402

import atlas_otel as atlas  # noqa: E402
from atlas_otel.testing import recording  # noqa: E402

own: ContextVar[str] = ContextVar("own", default="none")
seen: set[str] = set()


@atlas.tool
def work(owner: str) -> str:
    gevent.sleep(0.001)
    seen.add(own.get())
    return owner


@atlas.session
def handle(task: str) -> None:
    own.set("the session's")
    gevent.joinall([gevent.spawn(work, task), gevent.spawn_later(0.001, work, task)])
    pool.map(work, [task, task])
    greenlet = gevent.Greenlet(work, task)
    greenlet.start()
    greenlet.join()
    threads.apply(work, (task,))
    thread = threading.Thread(target=work, args=(task,))
    thread.start()
    thread.join()


with recording() as recorded:
    import gevent
    from gevent.pool import Pool
    from gevent.threadpool import ThreadPool

    pool, threads = Pool(2), ThreadPool(1)
    gevent.joinall([gevent.spawn(handle, task) for task in "ABC"])
tasks = {span.session_key: span.attributes["atlas.task"] for span in recorded.spans if span.kind == "session"}
calls = [span for span in recorded.spans if span.kind == "tool"]
print(
    json.dumps(
        {
            "calls": [
                [json.loads(str(s.attributes["gen_ai.tool.call.arguments"]))["owner"], tasks.get(s.session_key)]
                for s in calls
            ],
            "seen": sorted(seen),
        }
    )
)
