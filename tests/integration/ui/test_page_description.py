"""What is served is what ``openapi.json`` says, and nothing that a client can think of breaks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import atlas_otel.ui
from tests.support.page import BASE, Page

FILE = Path(atlas_otel.ui.__file__).with_name("openapi.json")
DESCRIBED = json.loads(FILE.read_text("utf-8"))
OPERATIONS = [one["operationId"] for path in DESCRIBED["paths"].values() for one in path.values()]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def _schema(page: Page, operation: str):  # type: ignore[no-untyped-def]
    loaded = schemathesis.openapi.from_dict(DESCRIBED)
    loaded.app = page.app
    loaded.config.update(base_url=BASE)
    return loaded.include(operation_id=operation)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_as_described(page: Page, operation: str) -> None:
    """Requests made from the description, right ones and wrong ones: each answer has a described status and shape."""
    token = page.csrf["X-Atlas-CSRF"]
    number = str(page.get("/sessions")["sessions"][0]["id"])
    statuses = set()
    for result in _schema(page, operation).get_all_operations():
        made = result.ok()

        @settings(
            max_examples=25,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case) -> None:  # type: ignore[no-untyped-def]
            if case.path_parameters and "session" in case.path_parameters:
                case.path_parameters["session"] = number
            headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "x-atlas-csrf"}
            case.headers = {**headers, "X-Atlas-CSRF": token}
            response = case.call(app=page.app, base_url=BASE)
            statuses.add(response.status_code)
            case.validate_response(response, checks=CHECKS)

        given(case=made.as_strategy())(ask)()
    assert statuses
    assert 500 not in statuses
    assert 503 not in statuses
