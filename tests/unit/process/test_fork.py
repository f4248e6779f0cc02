"""A child of a fork waits for no lock that a thread of its parent held: nobody lets go of it there. Nor does a thread
wait for itself."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel import pipeline
from atlas_otel.models.intermediate_step import IntermediateStepPayload, IntermediateStepType
from atlas_otel.process import fork
from atlas_otel.records.record import EventRecord
from atlas_otel.sdk import exporter
from atlas_otel.steps.feed import FEED
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.testing import Recording
from atlas_otel.tracing import state
from atlas_otel.tracing.context import SessionState

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # with threads, 3.12+

EVENT = EventRecord("1" * 32, "2" * 16, 1, None, "e", "{}")


def _in_child(act: Callable[[], object]) -> int:
    """The exit code of a child that does ``act`` and nothing else; negative where it hung."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(10)
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _push(manager: IntermediateStepManager) -> None:
    manager.push_intermediate_step(IntermediateStepPayload(event_type=IntermediateStepType.CUSTOM_START, name="n"))


def _cases() -> dict[str, tuple[Callable[[], Any], Callable[[], object]]]:
    """For each lock that a call of the agent may come to: what holds it (asked each time), and what needs it."""
    session, manager, memory = SessionState("1" * 32, None), IntermediateStepManager(), Recording()
    exporting = exporter.AtlasSpanExporter()
    clock = state.current().clock
    return {
        "session": (lambda: session.lock, lambda: session.identify("d", None)),
        "clock": (lambda: clock._lock, clock.now_ns),
        "harm": (lambda: state._harm_lock, lambda: state.absorbed("test")),
        "steps": (lambda: manager._lock, lambda: _push(manager)),
        "feed": (lambda: FEED._lock, lambda: manager.subscribe(print).unsubscribe()),
        "exporter": (lambda: exporting._lock, lambda: exporting.export([])),
        "configure": (lambda: pipeline._lock, lambda: atlas.configure(enabled=False).shutdown()),
        "recording": (lambda: memory._lock, lambda: memory.event(EVENT)),
    }


@pytest.mark.parametrize("case", sorted(_cases()))
def test_a_lock_that_was_held_at_the_fork(case: str) -> None:
    lock, act = _cases()[case]
    with lock():
        assert _in_child(act) == 0


@pytest.mark.parametrize("case", sorted(_cases()))
def test_a_lock_that_its_own_thread_holds(case: str) -> None:
    """A signal handler or a finaliser came in between."""
    lock, act = _cases()[case]

    def interrupted() -> None:
        with lock():
            act()

    assert _in_child(interrupted) == 0


@pytest.mark.parametrize("holder", ["another thread", "this thread", "nobody"])
def test_a_lock_is_free_in_the_child(holder: str) -> None:
    lock, held, done = fork.lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(60)

    if holder == "another thread":
        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(60)
    elif holder == "this thread":
        lock.acquire()

    def use() -> None:
        if holder == "this thread":
            lock.release()  # whoever forked inside a block leaves it there
        with lock, lock:
            another = threading.Thread(target=lock.acquire, args=(False,))
            another.start()
            another.join()

    assert _in_child(use) == 0
    done.set()
    if holder == "another thread":
        thread.join()


def test_a_lock_that_is_gone_is_forgotten() -> None:
    # This one's own entry: how many others there are changes whenever the collector runs.
    lock = fork.lock()
    (entry,) = [reference for reference in fork._locks if reference() is lock]
    del lock
    assert entry() is None
    assert entry not in fork._locks


def test_what_is_gone_is_not_kept_and_not_called() -> None:
    class Holder:
        def renew(self) -> None:
            raise AssertionError("it is gone")

    holder = Holder()
    fork.in_child(holder.renew)
    (entry,) = [reference for reference in fork._methods if reference() is holder]
    del holder
    assert entry() is None
    assert entry not in fork._methods


def test_a_signal_finds_no_code_of_ours_to_interrupt_where_what_is_gone_is_forgotten() -> None:
    """Python drops what a handler raises amid a weak reference's callback: the agent would not hear of a Ctrl-C."""

    class Held:
        def renew(self) -> None:
            """Nothing."""

    held = Held()
    fork.in_child(held.renew)
    gone, called = weakref.ref(held), []
    sys.setprofile(lambda frame, event, argument: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        del held
    finally:
        sys.setprofile(None)
    assert gone() is None
    assert called == []


def test_an_import_that_another_thread_is_amid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a module is Python's: the child would wait for it for ever."""
    (tmp_path / "late_module.py").write_text("import sys, time\nsys.amid_import.set()\ntime.sleep(0.3)\n")
    amid = threading.Event()
    monkeypatch.setattr("sys.amid_import", amid, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(fork, "_IMPORTED_LATE", {"late_module"})
    thread = threading.Thread(target=importlib.import_module, args=("late_module",))
    thread.start()
    assert amid.wait(10)
    assert _in_child(lambda: importlib.import_module("late_module")) == 0
    thread.join()
