"""``lake build``: sessions projected from the lake, written as an export, a dataset or tables; by either engine alike."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

from atlas_otel.errors import UsageError
from atlas_otel.lake.engine import Task
from atlas_otel.lake.failures import translating
from atlas_otel.lake.given import NOTHING
from atlas_otel.lake.location import storage_settings
from atlas_otel.lake.unit_sessions import Apart
from atlas_otel.lake.units import bucket_of, plan_units
from atlas_otel.lake.unnamed import place_unnamed
from atlas_otel.records.exact_json import dump
from atlas_otel_exporters.building.making import Job, MadeFormat
from atlas_otel_exporters.building.staged import Staged
from atlas_otel_exporters.building.tables import TABLES
from atlas_otel_exporters.datasets.create import create_from, require_free
from atlas_otel_exporters.export import Asked, export_from
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.training.features import FEATURES
from atlas_otel_exporters.write import open_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from atlas_otel.lake.given import Told
    from atlas_otel.lake.table import Lake
    from atlas_otel.lake.units import Unit
    from atlas_otel.records.record import Record
    from atlas_otel_exporters.datasets.create import Plan
    from atlas_otel_exporters.datasets.manifest import Manifest
    from atlas_otel_exporters.datasets.shards import FileKind
    from atlas_otel_exporters.summary import ExportSummary
