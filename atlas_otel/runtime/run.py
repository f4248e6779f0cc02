"""``arun`` and ``run``: a task, an agent that a config names, and everything that Atlas does around it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import atlas_otel as atlas
from atlas_otel import pipeline, semconv
from atlas_otel.errors import AdapterError, ConfigError, UsageError
from atlas_otel.models.config import AtlasConfig
from atlas_otel.models.learning_key import learning_key
from atlas_otel.records.recorder import NullRecorder
from atlas_otel.runtime.assembly import Assembly
from atlas_otel.runtime.lanes import lane_of
from atlas_otel.runtime.outcome import RunResult, StepOutcome
from atlas_otel.runtime.publisher import control_event, following
from atlas_otel.runtime.session import GovernedSession
from atlas_otel.runtime.spans import session_span
from atlas_otel.runtime.warming import warm_up
from atlas_otel.tracing import state

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.pipeline import Telemetry
    from atlas_otel.runtime.publisher import Publisher

__all__ = ["RunResult", "StepOutcome", "arun", "run"]


async def arun(
    task: str,
    config_path: str | os.PathLike[str] | None = None,
    *,
    config: AtlasConfig | Mapping[str, Any] | None = None,
    session_metadata: Mapping[str, Any] | None = None,
    stream_progress: bool | None = None,
    publisher: Publisher | None = None,
) -> RunResult:
    """Run ``task`` with the agent that a config names, and record it as one session.

    Where ``configure`` was not called, it is called here, with the config's ``storage.database_url``. A teacher, judge,
    probe or triage adapter that fails never raises.

    Args:
        task: What the agent is to do.
        config_path: A config file; or give ``config``.
        config: A config, as an object or as the mapping that a file would hold.
        session_metadata: Stands at the top of the session's metadata.
        stream_progress: Show the run on stderr; None: where that is a terminal.
        publisher: Follows the run: its ``attach`` is given a manager to subscribe to, unless
            ``orchestration.emit_intermediate_steps`` is false.

    Returns:
        The final answer, the plan, the outcome of each step, the reward and the session's ids.

    Raises:
        ConfigError: The config is wrong; nothing has run.
        AdapterError: The handshake or a hook failed, with its cause. The session is recorded as failed.

    Example:
        >>> import asyncio, sys, types
        >>> sys.modules["my_agent"] = types.SimpleNamespace(main=lambda prompt, metadata: "Four.")
        >>> agent = {"type": "python", "name": "adder", "import_path": "my_agent"}
        >>> result = asyncio.run(atlas.arun("What is 2 + 2?", config={"agent": agent}, stream_progress=False))
        >>> result.final_answer
        'Four.'
    """
    assembly = _assembly(config_path, config)
    return await run_session(assembly, task, dict(session_metadata or {}), console=stream_progress, publisher=publisher)


async def run_session(
    assembly: Assembly,
    task: str,
    session_metadata: JsonObject,
    *,
    console: bool | None = None,
    publisher: Publisher | None = None,
) -> RunResult:
    """:func:`arun` of a config that has been read."""
    settings = assembly.config
    governors = assembly.governors()
    await warm_up(assembly, governors)
    telemetry = bind_telemetry(settings, console)
    metadata: JsonObject = {**settings.metadata, **session_metadata}
    tags = session_tags(settings, metadata)
    captured = state.current().capture.content
    if captured:
        known = {**state.current().metadata, **metadata}
        key = learning_key(agent=settings.agent.name, task=task, tags=tags, metadata=known)
    else:  # the one that its record will have: an agent's sessions share it, as nothing else is known of them
        key = learning_key(agent=settings.agent.name, task=semconv.NOT_CAPTURED, tags=(), metadata={})
    session = GovernedSession(
        assembly,
        governors,
        task,
        metadata,
        key,
        database_url=telemetry.database_url if telemetry is not None else None,
        flush=telemetry.flush if telemetry is not None else None,
    )
    started = time.perf_counter()
    follower = publisher if settings.orchestration.emit_intermediate_steps else None
    status: JsonObject = {"status": "failed"}
    try:
        about = {**metadata, **_about(assembly, key)}
        session_key = state.new_session_key()
        with following(follower, session_key):
            opened = session_span(task, settings.agent.name, key=session_key, tags=tags, metadata=about)
            async with opened as span:
                control_event(follower, "session-started", {"session_id": span.id, "task": task})
                try:
                    ended = await session.run()
                    span.final_answer = ended.final_answer
                    status = {"status": "succeeded", "final_answer": ended.final_answer}
                finally:
                    control_event(follower, "session-completed", {"session_id": span.id, **status})
                trace_url = atlas.get_trace_url()
    except AdapterError:
        raise
    except Exception as error:
        failed = session.student.failed if session.student is not None else None
        if failed is not None and failed[1] is error:
            words = f"{type(error).__name__}: {error}"
            raise AdapterError(f"{failed[0]} of {settings.agent.name} failed: {words}") from error
        raise
    return RunResult(
        task,
        ended.final_answer,
        ended.plan,
        [ended.steps.outcomes[step.id] for step in ended.plan.steps],
        span.id,
        span.trace_id,
        trace_url,
        lane_of(ended.decision),
        ended.reward,
        ended.review_status,
        time.perf_counter() - started,
    )


def run(
    task: str,
    config_path: str | os.PathLike[str] | None = None,
    *,
    config: AtlasConfig | Mapping[str, Any] | None = None,
    session_metadata: Mapping[str, Any] | None = None,
    stream_progress: bool | None = None,
    publisher: Publisher | None = None,
) -> RunResult:
    """Run :func:`arun` where no event loop runs.

    Args:
        task: What the agent is to do; this and the rest as of :func:`arun`.
        config_path: As of :func:`arun`.
        config: As of :func:`arun`.
        session_metadata: As of :func:`arun`.
        stream_progress: As of :func:`arun`.
        publisher: As of :func:`arun`.

    Returns:
        What :func:`arun` returns.

    Raises:
        UsageError: An event loop runs here: ``await arun(...)``.
        ConfigError: The config is wrong; nothing has run.
        AdapterError: The handshake or a hook failed, with its cause.

    Example:
        >>> import sys, types
        >>> sys.modules["my_agent"] = types.SimpleNamespace(main=lambda prompt, metadata: "Four.")
        >>> agent = {"type": "python", "name": "adder", "import_path": "my_agent"}
        >>> result = atlas.run("What is 2 + 2?", config={"agent": agent}, stream_progress=False)
        >>> result.final_answer, result.review_status
        ('Four.', 'pending')
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(
            arun(
                task,
                config_path,
                config=config,
                session_metadata=session_metadata,
                stream_progress=stream_progress,
                publisher=publisher,
            )
        )
    raise UsageError("run() cannot be called inside a running event loop: use `await arun(...)` there")


def _assembly(path: str | os.PathLike[str] | None, config: AtlasConfig | Mapping[str, Any] | None) -> Assembly:
    if (path is None) == (config is None):
        raise UsageError("give either config_path or config")
    if path is not None:
        return Assembly.read(path)
    if isinstance(config, AtlasConfig):
        return Assembly(config)
    from pydantic import ValidationError

    try:
        return Assembly(AtlasConfig.model_validate(config))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(str(p) for p in d['loc'])}: {d['msg']}" for d in error.errors())
        raise ConfigError(f"config: {problems}") from None


def bind_telemetry(config: AtlasConfig, console: bool | None) -> Telemetry | None:
    """What records the run: what ``configure`` put in place, else what the config asks for. None under a test's own.
    Raises ConfigError where the config names another database than ``configure`` did.
    """
    wanted = config.storage.database_url.strip() if config.storage is not None else None
    telemetry = pipeline.current()
    if telemetry is None:
        if not isinstance(state.current().recorder, NullRecorder):
            return None
        return pipeline.configure(config.agent.name, database_url=wanted, console=console)
    if wanted is not None and wanted != (telemetry.database_url or "").strip():
        from atlas_otel.postgres.dsn import describe

        given = describe(telemetry.database_url) if telemetry.database_url else "no database"
        raise ConfigError(
            f"storage.database_url names {describe(wanted)}, but configure() was called with {given}: "
            "name the same one, or leave storage out"
        )
    return telemetry


def session_tags(config: AtlasConfig, metadata: Mapping[str, Any]) -> list[str]:
    """The config's default tags, and those in the metadata."""
    given = metadata.get("tags")
    more = [given] if isinstance(given, str) else given if isinstance(given, (list, tuple)) else []
    return list(dict.fromkeys([*config.adaptive_teaching.default_tags, *(str(tag) for tag in more)]))


def _about(assembly: Assembly, key: str) -> JsonObject:
    """What a session's metadata holds from its start: its key, and every prompt it may use."""
    about: JsonObject = {
        "learning_key": key,
        "prompts": assembly.used_prompts(),
        "executor_system_prompt": assembly.student_prompts().executor,
        "adapter_session": assembly.models(),
    }
    return about
