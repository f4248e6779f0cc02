"""What commands read of a config file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from atlas_otel.errors import ConfigError
from atlas_otel_exporters import ReviewSettings

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_otel.models.rubric import RubricConfig


def review_settings(path: Path | None) -> ReviewSettings | None:
    """``runtime_safety.review`` of the YAML file, else None. Raises ConfigError where it cannot be read."""
    return None if path is None else ReviewSettings.from_config(_parsed(path), source=str(path))


def rubric_of(path: Path | None) -> RubricConfig:
    """``runtime_safety.review.rubric`` of the YAML file, else the usual one. Raises ConfigError, naming the key."""
    from pydantic import ValidationError

    from atlas_otel.models.rubric import RubricConfig

    held = None if path is None else _parsed(path)
    for key in ("runtime_safety", "review", "rubric"):
        if held is None:
            return RubricConfig()
        if not isinstance(held, dict):
            raise ConfigError(f"{path}: what holds {key} has to be a mapping of keys to values")
        held = held.get(key)
    try:
        return RubricConfig() if held is None else RubricConfig.model_validate(held)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, ("runtime_safety.review.rubric", *first["loc"])))
        raise ConfigError(f"{path}: {where}: {first['msg']}") from None


def _parsed(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read the config file {path}: {reason}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"the config file {path} is not YAML: {' '.join(str(error).split())}") from None
