"""Datasets that are being made: one at a time, each known until the server ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from atlas_otel.errors import AtlasOtelError
from atlas_otel.process.fork import lock

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_otel_exporters.datasets.create import Plan
    from atlas_otel_exporters.summary import ExportProgress

_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class BuildState:
    """How far a build is."""

    id: str
    name: str
    state: Literal["running", "done", "failed"] = "running"
    done: int = 0
    total: int = 0
    error: str | None = None


class Builds:
    """The builds of this server, each a thread; what is broken off goes on when it is asked for again."""

    def __init__(self) -> None:
        self._lock = lock()
        self._held: dict[str, BuildState] = {}
        self._number = 0

    def all(self) -> list[BuildState]:
        """Every build, the newest first."""
        with self._lock:
            return list(self._held.values())[::-1]

    def get(self, name: str) -> BuildState | None:
        """One build, by its id."""
        with self._lock:
            return self._held.get(name)

    def begin(self, folder: Path, plan: Plan, url: str) -> BuildState | None:
        """Begin a build; None while another one runs."""
        with self._lock:
            if any(one.state == "running" for one in self._held.values()):
                return None
            self._number += 1
            begun = BuildState(str(self._number), folder.name)
            self._held[begun.id] = begun
            for old in list(self._held)[:-_KEPT]:
                del self._held[old]
        threading.Thread(
            target=self._build, args=(begun, folder, plan, url), name="atlas-otel-build", daemon=True
        ).start()
        return begun

    def _build(self, begun: BuildState, folder: Path, plan: Plan, url: str) -> None:
        from atlas_otel_exporters.datasets.create import create_dataset

        def progress(one: ExportProgress) -> None:
            self._put(begun.id, done=one.sessions, total=one.total)

        try:
            create_dataset(folder, plan, database_url=url, progress=progress)
        except AtlasOtelError as error:
            self._put(begun.id, state="failed", error=str(error))
        except Exception as error:  # noqa: BLE001  (a defect of ours: whoever asked is told)
            self._put(begun.id, state="failed", error=f"it failed: {type(error).__name__}")
        else:
            self._put(begun.id, state="done")

    def _put(self, name: str, **changed: object) -> None:
        with self._lock:
            self._held[name] = replace(self._held[name], **changed)  # type: ignore[arg-type]
