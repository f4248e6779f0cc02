"""Exceptions that are no failure: the program says with them where it goes on. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Expected = tuple[type[BaseException], ...]

_ENDS = (GeneratorExit, StopIteration, StopAsyncIteration)


def is_control_flow(error: BaseException, expected: Expected = ()) -> bool:
    """Whether ``error`` is no failure: the end of a generator or an iteration, a process that exits with 0 (also by
    click's and Typer's ``Exit``), one of ``expected``, or a group of nothing else."""
    kind = type(error)
    if issubclass(kind, expected) or issubclass(kind, _ENDS):
        return True
    if issubclass(kind, SystemExit):
        return error.code in (None, 0)  # type: ignore[attr-defined]
    if _is_click_exit(kind):
        return getattr(error, "exit_code", None) == 0
    parts = _parts(error)
    return bool(parts) and all(is_control_flow(part, expected) for part in parts)


def expected_types(given: Any) -> Expected:
    """``expected`` as the user gave it: one exception type, or several. TypeError for anything else."""
    kinds = given if isinstance(given, (tuple, list, set, frozenset)) else (given,)
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise TypeError(f"expected= takes exception types, such as (Interrupt, Retry), not {given!r}")
    return tuple(kinds)


def _is_click_exit(kind: type[BaseException]) -> bool:
    return any(base.__name__ == "Exit" and base.__module__.endswith("click.exceptions") for base in type.mro(kind))


def _parts(error: BaseException) -> Sequence[BaseException]:
    """The exceptions of a group (Python 3.11's, or its backport's); nothing for any other."""
    if any(base.__name__ == "BaseExceptionGroup" for base in type.mro(type(error))):
        return error.exceptions  # type: ignore[attr-defined,no-any-return]
    return ()
