"""Forks: locks that are free in the child, what else a child renews, and which process this is.

A child inherits every lock as it was at the fork. If another thread of the parent held it, nobody in the child will
ever release it. So every lock that the agent's thread may wait for is made by :func:`lock`; state that must not be
inherited is reset by :func:`in_child`. Neither costs a call anything.

The import system's locks cannot be renewed: a module that another thread was importing at the fork can never be
imported in the child. Ours are imported late, on the drain's thread too, so a fork waits until such imports are done.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from types import MethodType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_IMPORTED_LATE: Final = frozenset({"atlas_otel", "opentelemetry", "orjson", "psycopg", "psycopg_binary", "pydantic"})
_IMPORT_S: Final = 2.0
"""The longest that a fork waits: the database driver takes a tenth of that."""

_generation = 0
_locks: dict[weakref.ref[threading.RLock], None] = {}
_functions: list[Callable[[], None]] = []
_methods: dict[weakref.ref[object], Callable[[object], None]] = {}


def generation() -> int:
    """How many forks lie between the program's start and this process: differs between a parent and its child."""
    return _generation


def lock() -> threading.RLock:
    """A lock that a child of a fork finds free, unless the thread that forked holds it. Thread-safe.

    Reentrant: a signal handler or a finaliser may record on the very thread that holds it.
    """
    made = threading.RLock()
    _locks[weakref.ref(made, _locks.pop)] = None  # forgotten by a function in C: see in_child
    return made


def in_child(renew: Callable[[], None]) -> None:
    """Have ``renew`` called in every child of a fork before anything else runs there, in the order of registration.
    It must not raise.

    A method's object is not kept alive by this; one method per object counts. Thread-safe.
    """
    if isinstance(renew, MethodType):
        # The callback is a function in C: what a signal handler raises inside one in Python is dropped, be it Ctrl-C.
        _methods[weakref.ref(renew.__self__, _methods.pop)] = renew.__func__
    else:
        _functions.append(renew)


def _importing() -> bool:
    """Whether another thread is amid an import of what a child may need, or one that such a module asked for.

    Takes no lock: a signal handler may fork.
    """
    for ident, top in sys._current_frames().items():
        frame: FrameType | None = top if ident != threading.get_ident() else None
        while frame is not None:
            code, caller = frame.f_code, frame.f_back
            # Its frame, and not sys.modules, where a module comes only after it was looked for on the disk.
            if code.co_name == "_find_and_load" and code.co_filename.startswith("<frozen importlib"):
                importer = caller.f_globals.get("__name__") if caller is not None else None
                if any(
                    str(name).partition(".")[0] in _IMPORTED_LATE for name in (frame.f_locals.get("name"), importer)
                ):
                    return True
            frame = caller
    return False


def _fork_ahead() -> None:
    deadline = time.monotonic() + _IMPORT_S
    while _importing() and time.monotonic() < deadline:
        time.sleep(0.001)


def _child_started() -> None:
    global _generation
    _generation += 1
    for held in list(_locks):
        if (one := held()) is not None and not one._is_owned():  # type: ignore[attr-defined]
            one._at_fork_reinit()  # type: ignore[attr-defined]
    for function in _functions:
        function()
    for reference, method in list(_methods.items()):
        if (holder := reference()) is not None:
            method(holder)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_fork_ahead, after_in_child=_child_started)


def before_exit_of_child(call: Callable[[], object]) -> None:
    """Call this before a child of multiprocessing ends: it leaves by ``os._exit``, after finalizers of its own and
    without atexit's. Does nothing in any other process."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, call, exitpriority=0)
