"""Objects that a config file names by module and attribute."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_otel.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Places(NamedTuple):
    """Where modules are looked for."""

    config_folder: Path | None
    """The config file's own; None: the config came from code."""

    @property
    def folders(self) -> tuple[str, ...]:
        """After ``sys.path``: here, and beside the config file."""
        places = [Path.cwd(), *([self.config_folder] if self.config_folder is not None else [])]
        return tuple(str(place.resolve()) for place in places)


def load_object(import_path: str, attribute: str, *, folders: tuple[str, ...] = ()) -> Any:
    """The object. ``folders`` are searched after all others. Raises AdapterError that says which part is missing."""
    for folder in folders:
        if folder not in sys.path:
            sys.path.append(folder)
    try:
        found: Any = importlib.import_module(import_path)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{import_path}.".startswith(f"{error.name}."):
            raise AdapterError(f"{import_path} cannot be imported: it needs {error.name}, which is missing") from error
        raise AdapterError(f"there is no module {import_path}: is working_directory, or PYTHONPATH, right?") from None
    except Exception as error:
        raise AdapterError(f"{import_path} cannot be imported: {type(error).__name__}: {error}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise AdapterError(f"{import_path} has no {attribute}")
        found = getattr(found, part)
    return found


def load_callable(import_path: str, attribute: str, *, folders: tuple[str, ...] = ()) -> Callable[..., Any]:
    """The same for what is to be called. Raises AdapterError where it cannot be."""
    found = load_object(import_path, attribute, folders=folders)
    if not callable(found):
        raise AdapterError(f"{import_path}.{attribute} is {type(found).__name__}, which cannot be called")
    made: Callable[..., Any] = found
    return made


def working_folder(name: str | None, config_folder: Path | None) -> None:
    """Import from this folder before all others: as it stands, else beside the config file."""
    if name is None:
        return
    folder = Path(name)
    if not folder.is_dir() and config_folder is not None and (config_folder / name).is_dir():
        folder = config_folder / name
    if not folder.is_dir():
        raise AdapterError(f"there is no folder {name} (working_directory)")
    path = str(folder.resolve())
    if path not in sys.path:
        sys.path.insert(0, path)


def accepted(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``values`` that ``function`` takes by keyword: all of them where it has ``**kwargs``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return dict(values)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(values)
    names = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    return {name: value for name, value in values.items() if name in names}
