"""A dataset's card: what it is, for a reader, and its columns, for ``datasets.load_dataset``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

from atlas_otel_exporters.training.features import card_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel_exporters.datasets.manifest import Manifest
    from atlas_otel_exporters.training.features import Feature

_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LARGER: Final = "1M<n<10M"


def card(manifest: Manifest, features: Mapping[str, Feature] | None) -> str:
    """The text of ``README.md``."""
    by_split: dict[str, list[str]] = {}
    for file in manifest.files:
        by_split.setdefault(file.split, []).append(file.path)
    rows = {split: sum(one.rows for one in manifest.files if one.split == split) for split in by_split}
    total = sum(rows.values())
    head: dict[str, object] = {
        "pretty_name": manifest.name,
        "size_categories": [next((name for most, name in _SIZES if total < most), _LARGER)],
        "tags": ["atlas-otel", "agent-traces", manifest.format],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": paths} for split, paths in by_split.items()],
            }
        ],
    }
    if features is not None:
        head["dataset_info"] = {"features": card_features(features)}
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{text}---\n\n{_body(manifest, rows)}"


def _body(manifest: Manifest, rows: Mapping[str, int]) -> str:
    lines = [
        f"# {manifest.name}",
        "",
        f"Recorded runs of agents, written by {manifest.writer} in the format `{manifest.format}`. No task stands in",
        "two splits. `manifest.json` says what was selected, and what was left out and why; `lineage.jsonl` of each",
        "row which session and spans it is made of.",
        "",
        "| split | rows |",
        "|---|---|",
        *(f"| {split} | {count} |" for split, count in rows.items()),
    ]
    if manifest.left_out:
        lines += ["", "| left out | count |", "|---|---|"]
        lines += [f"| {reason} | {count} |" for reason, count in manifest.left_out.items()]
    return "\n".join(lines) + "\n"
