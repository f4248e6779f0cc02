"""``type: python``: a class, an object or a function in a module."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atlas_otel.errors import AdapterError
from atlas_otel.runtime import coerce
from atlas_otel.runtime.advisor import call
from atlas_otel.runtime.loading import accepted, load_object, working_folder
from atlas_otel.runtime.student import HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.models.config_agent import PythonAgentConfig
    from atlas_otel.runtime.loading import Places


def load_python_agent(config: PythonAgentConfig, places: Places) -> object:
    """The adapter: an instance where the attribute is a class, the object itself where it has hooks, else a wrapper
    around the function. Raises AdapterError."""
    working_folder(config.working_directory, places.config_folder)
    found = load_object(config.import_path, config.attribute, folders=places.folders)
    if isinstance(found, type):
        try:
            found = found()
        except Exception as error:
            raise AdapterError(
                f"{config.import_path}.{config.attribute}() raised {type(error).__name__}: {error}; "
                "an adapter class is made without arguments"
            ) from error
    if any(callable(getattr(found, hook, None)) for hook in HOOKS):
        return found
    if not callable(found):
        raise AdapterError(
            f"{config.import_path}.{config.attribute} is {type(found).__name__}: expected an adapter class, an object "
            "with hooks, or a function"
        )
    return FunctionAgent(found, config)


class FunctionAgent:
    """A function as an agent that answers prompts: called as ``f(prompt=…, metadata=…)``."""

    def __init__(self, function: Callable[..., Any], config: PythonAgentConfig) -> None:
        self._function = function
        self._allow_generator = config.allow_generator
        self._llm = config.llm.model_dump() if config.llm is not None else None

    async def ainvoke(self, prompt: str, metadata: dict[str, Any] | None = None) -> Any:
        """What the function returns: a generator's items joined, bytes decoded, an object or list as it is."""
        told = dict(metadata or {})
        if self._llm is not None:
            told["llm_config"] = self._llm
        values = accepted(self._function, {"prompt": prompt, "metadata": told})
        # A function that calls its prompt something else gets it as its first argument.
        first = () if "prompt" in values else (prompt,)
        result = await call(self._function, *first, **values)
        if isinstance(result, AsyncIterator):
            self._check_generator()
            return "".join([_text(item) async for item in result])
        if isinstance(result, Iterator):
            self._check_generator()
            return str(await call(_joined, result))
        if isinstance(result, bytes):
            return result.decode("utf-8", "replace")
        if result is None:
            return ""
        return result if isinstance(result, (str, Mapping)) or _is_result(result) else coerce.output_text(result)

    def _check_generator(self) -> None:
        if not self._allow_generator:
            raise AdapterError("the function answered with a generator: set agent.allow_generator to true")


def _is_result(value: object) -> bool:
    return not inspect.isclass(value) and hasattr(value, "output") and hasattr(value, "trace")


def _joined(items: Iterator[Any]) -> str:
    return "".join(_text(item) for item in items)


def _text(item: object) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
