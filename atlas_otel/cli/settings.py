"""What commands read of a config file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from atlas_otel.errors import ConfigError
from atlas_otel_exporters import ReviewSettings

if TYPE_CHECKING:
    from pathlib import Path


def review_settings(path: Path | None) -> ReviewSettings | None:
    """``runtime_safety.review`` of the YAML file, else None. Raises ConfigError where it cannot be read."""
    if path is None:
        return None
    try:
        parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read the config file {path}: {reason}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"the config file {path} is not YAML: {' '.join(str(error).split())}") from None
    return ReviewSettings.from_config(parsed, source=str(path))
