"""The key under which runs of one agent on one sort of task learn from each other (contract §2)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.models.json_types import JsonValue

_TASK_PREFIX_LENGTH: Final = 64
_DEFAULT_TENANT: Final = "default"


def learning_key(*, agent: str, task: str, tags: Iterable[str], metadata: Mapping[str, JsonValue]) -> str:
    """The learning key of a session: what the caller gave in its metadata, else a SHA-256 (hex) of the four facts.

    ``metadata`` is the caller's: ``learning_key``, else ``learning_key_override`` is taken as it is; ``tenant_id``,
    else ``tenant`` names the tenant. The hashed text is ``json.dumps`` with its default separators and ASCII escapes,
    so that other programs arrive at the same key.
    """
    for name in ("learning_key", "learning_key_override"):
        given = metadata.get(name)
        if isinstance(given, str) and given.strip():
            return given.strip()
    facts = {
        "agent": agent,
        "tenant": _tenant(metadata),
        "tags": sorted(stripped for tag in tags if (stripped := tag.strip())),
        "task_prefix": task.strip()[:_TASK_PREFIX_LENGTH],
    }
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _tenant(metadata: Mapping[str, JsonValue]) -> str:
    for name in ("tenant_id", "tenant"):
        given = metadata.get(name)
        if given is not None and given != "":
            return str(given)
    return _DEFAULT_TENANT
