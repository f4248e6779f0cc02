"""What a run loads once is loaded before its clock starts: the agent's module, model libraries, clients.

Nothing is decided here. What cannot be loaded is tried again where it is needed, and fails there as it should.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from atlas_otel.models.config_agent import OpenAIAgentConfig, PythonAgentConfig, SelfManagedAgentConfig
from atlas_otel.runtime.loading import load_object, working_folder

if TYPE_CHECKING:
    from atlas_otel.runtime.assembly import Assembly, Governors


@runtime_checkable
class Warm(Protocol):
    """Something that imports a library or makes a client when it is first used."""

    def warm_up(self) -> None:
        """Do that now. May raise anything."""


async def warm_up(assembly: Assembly, governors: Governors) -> None:
    """Load what a run of ``assembly`` will need. Agents' modules are imported on this thread, as they always were."""
    with contextlib.suppress(Exception):
        _import_agent(assembly)
    teacher, judge, probe = governors
    advisors = [teacher.advisor if teacher is not None else None, probe, *(judge.advisors if judge is not None else ())]
    for one in (*advisors, *_client_of(assembly)):
        if isinstance(one, Warm):
            with contextlib.suppress(Exception):
                await asyncio.to_thread(one.warm_up)


def _import_agent(assembly: Assembly) -> None:
    config, places = assembly.config.agent, assembly.places
    if isinstance(config, PythonAgentConfig):
        working_folder(config.working_directory, places.config_folder)
        load_object(config.import_path, config.attribute, folders=places.folders)
    elif isinstance(config, SelfManagedAgentConfig):
        for part in (config.environment, config.agent):
            load_object(part.import_path, part.attribute, folders=places.folders)


def _client_of(assembly: Assembly) -> list[object]:
    if not isinstance(assembly.config.agent, OpenAIAgentConfig):
        return []
    from atlas_otel.runtime.agents.openai import ClientLibrary

    return [ClientLibrary()]
