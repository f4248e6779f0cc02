"""A bar on standard error while an export or a dataset is made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlas_otel.postgres.deletion import Progress
    from atlas_otel_exporters import ExportProgress


@contextmanager
def progress_bar(what: str, *, shown: bool) -> Iterator[Callable[[ExportProgress], None] | None]:
    """What to call with the progress that is made; None where no bar is shown."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done.sessions, total=done.total)


@contextmanager
def removal_bar(what: str, *, shown: bool) -> Iterator[Callable[[Progress], None]]:
    """What to call while sessions are deleted."""
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done.done, total=done.total)
