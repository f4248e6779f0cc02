"""What a database says of archived sessions beside their records: numbers, verdicts, and what came late."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.records.record import Record
    from atlas_otel_exporters.building.projected import Given


class Told(NamedTuple):
    """By session key: numbers and verdicts; and records that are not in the lake yet."""

    given: Mapping[str, Given]
    late: Mapping[str, Sequence[Record]]


NOTHING = Told({}, {})
