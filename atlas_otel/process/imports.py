"""Something to do once a module is imported, without importing it: what touches a library waits until it is there."""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    Then = Callable[[ModuleType], None]

_waiting: dict[str, list[Then]] = {}


def when_imported(name: str, then: Then) -> None:
    """Call ``then`` with the module ``name``: now, where it has been imported, else right after it is. Once.

    ``then`` runs in the thread that imports; what it raises is dropped, so let it count its own failures.
    """
    module = sys.modules.get(name)
    if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        _tell(module, [then])
        return
    _waiting.setdefault(name, []).append(then)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _tell(module: ModuleType, waiting: list[Then]) -> None:
    for then in waiting:
        try:
            then(module)
        except Exception:  # noqa: BLE001, S112 — an import of the agent's must not fail for us
            continue


class _Finder:
    """Finds what is waited for as Python would, and has the loader say when it has run the module."""

    def __init__(self) -> None:
        self._mine = threading.local()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        if name not in _waiting or getattr(self._mine, "busy", False):
            return None
        self._mine.busy = True
        try:
            spec = _found(name, path, target)
        finally:
            self._mine.busy = False
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            _tell(module, _waiting.pop(name, []))

        try:
            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader
        except AttributeError:  # one that takes no attributes: nobody is told
            _waiting.pop(name, None)
        return spec


def _found(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if isinstance(finder, _Finder):
            continue
        find = getattr(finder, "find_spec", None)
        spec = find(name, path, target) if find is not None else None
        if spec is not None:
            return spec  # type: ignore[no-any-return]
    return PathFinder.find_spec(name, path, target)


_finder = _Finder()
