"""A config file, read: YAML by its safe loader, ``${ENV}`` references, and errors that name file, line, key and remedy.

What an Atlas config may hold and we do not use is left out with one warning; any other unknown key is an error.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml
from pydantic import ValidationError

from atlas_otel.errors import ConfigError
from atlas_otel.models.config import AtlasConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

_log = logging.getLogger(__name__)

UNUSED_KEYS: Final = (
    "learning",
    "prompt_rewrite",
    "agent.metadata_digest",
    "rim.judges",
    "rim.temperatures",
    "rim.arbiter",
    "rim.success_threshold",
    "rim.retry_threshold",
    "rim.aggregation_strategy",
)
"""What Atlas configs of one version or another hold, and a governed run here has no use for."""

_ENV: Final = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_MAX_NODES: Final = 100_000
"""More than any config has: YAML aliases can make an exponential number of nodes out of a few lines."""

Path_ = tuple["str | int", ...]


class LoadedConfig(NamedTuple):
    """A config file that is right."""

    config: AtlasConfig
    path: Path
    unused: Sequence[str]
    """Keys of the file that Atlas knows and we do not use, as ``section.key``."""


def load_config(path: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None) -> LoadedConfig:
    """Read and check a config file. Raises ConfigError; every error of the file stands in its message, one a line.

    ``environ`` replaces ``os.environ`` for ``${NAME}`` and ``${NAME:-default}``; ``$${`` is a plain ``${``.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text") from None
    loaded = parse_config(text, source=str(file), environ=environ)
    if loaded.unused:
        _log.warning("%s: not used by atlas-otel, ignored: %s", file, ", ".join(loaded.unused))
    return loaded._replace(path=file)


def parse_config(text: str, *, source: str = "<config>", environ: Mapping[str, str] | None = None) -> LoadedConfig:
    """The same for text that is at hand; ``source`` stands in the errors. Pure, but for ``environ``'s default."""
    lines = _Lines(source, _compose(text, source))
    values = _expand(lines, os.environ if environ is None else environ, _construct(text, source))
    unused = [key for key in UNUSED_KEYS if _drop(values, key.split("."))]
    try:
        config = AtlasConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(lines, detail) for detail in error.errors())) from None
    return LoadedConfig(config, Path(source), unused)


def _compose(text: str, source: str) -> yaml.MappingNode:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{source}{line}: is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{source}: is not YAML: {error or 'nested too deep'}") from None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{source}:1: expected a mapping with the key agent")
    return node


def _construct(text: str, source: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{source}{line}: {getattr(error, 'problem', None) or error}") from None
    assert isinstance(values, dict)  # _compose saw a mapping
    return values


class _Lines:
    """Where each key of the file stands. Refuses keys that stand twice: YAML would take the last in silence."""

    def __init__(self, source: str, root: yaml.MappingNode) -> None:
        self.source = source
        self._line: dict[Path_, int] = {}
        for count, (path, line) in enumerate(self._walk(root, ())):
            if count > _MAX_NODES:
                raise ConfigError(f"{source}: has more than {_MAX_NODES} values: is an alias repeated?")
            self._line[path] = line

    def _walk(self, root: yaml.Node, path: Path_) -> Iterator[tuple[Path_, int]]:
        stack: list[tuple[yaml.Node, Path_, frozenset[int]]] = [(root, path, frozenset())]
        while stack:
            node, path, above = stack.pop()
            if id(node) in above:
                raise ConfigError(f"{self.source}:{node.start_mark.line + 1}: an alias contains itself")
            inside = above | {id(node)}
            if isinstance(node, yaml.MappingNode):
                seen: set[str] = set()
                for key, value in node.value:
                    name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
                    line = key.start_mark.line + 1
                    if name in seen and name != "<<":
                        raise ConfigError(f"{self.source}:{line}: {_dotted((*path, name))}: duplicate key; keep one")
                    seen.add(name)
                    yield (*path, name), line
                    stack.append((value, (*path, name), inside))
            elif isinstance(node, yaml.SequenceNode):
                for index, item in enumerate(node.value):
                    yield (*path, index), item.start_mark.line + 1
                    stack.append((item, (*path, index), inside))

    def where(self, path: Path_) -> str:
        """``file:line: key``, with the line of the nearest key above where the file lacks it."""
        for length in range(len(path), 0, -1):
            line = self._line.get(path[:length])
            if line is not None:
                return f"{self.source}:{line}: {_dotted(path)}"
        return f"{self.source}:1: {_dotted(path)}"


def _dotted(path: Path_) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _expand(lines: _Lines, environ: Mapping[str, str], values: dict[str, Any]) -> dict[str, Any]:
    problems: list[str] = []

    def visit(value: Any, path: Path_) -> Any:
        if isinstance(value, dict):
            return {key: visit(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [visit(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str):
            return _ENV.sub(lambda match: replace(match, path), value)
        return value

    def replace(match: re.Match[str], path: Path_) -> str:
        escaped, name, default = match.groups()
        if escaped:
            return match.group(0)[1:]
        value = environ.get(name)
        if default is not None:  # as in a shell: also where the variable is empty
            return value or default
        if value is None:
            hint = f"set it, or write ${{{name}:-default}}"
            problems.append(f"{lines.where(path)}: the environment variable {name} is not set; {hint}")
        return value or ""

    expanded: dict[str, Any] = visit(values, ())
    if problems:
        raise ConfigError("\n".join(problems))
    return expanded


def _drop(values: dict[str, Any], keys: Sequence[str]) -> bool:
    """Take a key out; whether it was there with a value."""
    inner: Any = values
    for key in keys[:-1]:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or keys[-1] not in inner:
        return False
    return inner.pop(keys[-1]) is not None


def _explain(lines: _Lines, detail: ErrorDetails) -> str:
    path = _in_file(detail["loc"])
    where = lines.where(path)
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _fields_at(path[:-1], detail["loc"])
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    if kind == "missing":
        return f"{where}: is missing, and must be given"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        expected = str((detail.get("ctx") or {}).get("expected_tags", ""))
        owner = lines.where((*path, "type"))
        return f"{owner}: expected one of {expected}" if expected else f"{owner}: is missing, and must be given"
    return f"{where}: {detail['msg'].removeprefix('Value error, ')}"


def _in_file(location: Path_) -> Path_:
    """The path as the file has it: pydantic puts a union's tag between its key and what is below it."""
    return (location[0], *location[2:]) if location[0] in ("agent", "teacher") else location


def _fields_at(path: Path_, location: tuple[int | str, ...]) -> list[str]:
    from pydantic import BaseModel

    from atlas_otel.models import config_agent
    from atlas_otel.models.config import ModelTeacherConfig, PythonTeacherConfig

    tagged: dict[tuple[object, object], type[BaseModel]] = {
        ("agent", "python"): config_agent.PythonAgentConfig,
        ("agent", "http_api"): config_agent.HTTPAgentConfig,
        ("agent", "openai"): config_agent.OpenAIAgentConfig,
        ("agent", "litellm"): config_agent.OpenAIAgentConfig,
        ("agent", "self_managed"): config_agent.SelfManagedAgentConfig,
        ("teacher", "llm"): ModelTeacherConfig,
        ("teacher", "python"): PythonTeacherConfig,
    }
    model: type[BaseModel] | None = AtlasConfig
    for depth, part in enumerate(path):
        tag = (part, location[1]) if depth == 0 else None
        model = tagged[tag] if tag in tagged else _inner(model, part)
        if model is None:
            return []
    return sorted(model.model_fields) if model else []


def _inner(model: Any, part: str | int) -> Any:
    from pydantic import BaseModel

    if isinstance(part, int):
        return model
    field = model.model_fields.get(part) if model is not None else None
    candidates: list[Any] = [field.annotation] if field is not None else []
    while candidates:
        candidate = candidates.pop()
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
        candidates.extend(getattr(candidate, "__args__", ()))
    return None
