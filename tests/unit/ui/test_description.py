"""``openapi.json`` is what the code says, and says enough to make a client's types of."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import atlas_otel.ui
from atlas_otel.ui.openapi import document
from atlas_otel.ui.operations import API, OPERATIONS
from atlas_otel.ui.shapes.sessions import LineFormat
from atlas_otel_exporters.formats import FORMATS

FILE = Path(atlas_otel.ui.__file__).with_name("openapi.json")


def test_the_file_is_what_the_operations_and_shapes_say() -> None:
    described = json.loads(json.dumps(document(version("atlas-otel"))))
    assert json.loads(FILE.read_text("utf-8")) == described, "python scripts/openapi.py --write"


def test_every_object_is_closed_and_every_field_has_a_type() -> None:
    schemas = document("0")["components"]["schemas"]
    objects = {name: one for name, one in schemas.items() if one.get("type") == "object"}
    assert len(objects) > 80
    for name, one in objects.items():
        assert one["additionalProperties"] is False, name
        for field, schema in one["properties"].items():
            assert {"type", "$ref", "anyOf", "oneOf", "enum", "const"} & schema.keys(), f"{name}.{field}"


def test_every_answer_states_its_errors_and_every_write_asks_for_the_token() -> None:
    described = document("0")["paths"]
    for one in OPERATIONS:
        operation: dict[str, Any] = described[API + one.path][one.method.lower()]
        assert {"200", "400", "401", "403", "500", "503"} <= operation["responses"].keys()
        assert "Retry-After" in operation["responses"]["503"]["headers"]
        assert ("ETag" in operation["responses"]["200"].get("headers", {})) is one.tagged
        assert any(p["name"] == "X-Atlas-CSRF" for p in operation["parameters"]) is one.writes


def test_a_session_can_be_seen_in_every_format_that_trains() -> None:
    assert set(get_args(LineFormat)) == set(FORMATS) - {"otlp"}
