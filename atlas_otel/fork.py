"""Which process this is, without asking the kernel on each call."""

from __future__ import annotations

import os

_generation = 0


def generation() -> int:
    """How many forks lie between the program's start and this process: differs between a parent and its child."""
    return _generation


def _child_started() -> None:
    global _generation
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_child_started)
