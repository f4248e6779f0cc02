"""``docs/reference/configuration.md`` says what ``settings.py`` does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest

from atlas_otel import settings
from atlas_otel.capture.patterns import NAMED
from atlas_otel.delivery import spool_folder
from atlas_otel.postgres import storage
from atlas_otel.records.store import Patience
from atlas_otel.settings import Settings, resolve

PAGE: Final = (Path(__file__).parents[3] / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
DEFAULTS: Final = Settings()


def table(header: str) -> list[list[str]]:
    """The cells of the rows of the table whose first heading is ``header``."""
    _, _, below = PAGE.partition(f"| {header} |")
    rows = below.split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


ROWS: Final = {row[0].strip("` "): row for row in table("setting")}


def test_every_setting_has_its_row_and_no_other() -> None:
    assert set(ROWS) == {field.name for field in fields(Settings)}


def test_a_store_by_itself_is_as_patient_as_one_that_is_configured() -> None:
    assert storage.patience_of(DEFAULTS) == Patience()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_default_is_the_one_in_force(name: str) -> None:
    stated, default = ROWS[name][1], getattr(DEFAULTS, name)
    if stated == "none":
        assert default in (None, {})
    elif name == "console":
        assert default is None
    else:
        assert stated.strip("`") == (str(default).lower() if isinstance(default, bool) else str(default))


SAMPLES: Final[dict[str, tuple[str, Any]]] = {
    "accept_session": ("always", "always"),
    "projection": ("any", "any"),
    "session_secret": ("0123456789abcdef", "0123456789abcdef"),
    "service_name": ("notes", "notes"),
    "database_url": ("embedded", "embedded"),
    "durability": ("memory", "memory"),
    "otlp_endpoint": ("http://x:4318", "http://x:4318"),
    "capture_content": ("false", False),
    "redact": ("secrets, email", ["secrets", "email"]),
    "console": ("on", True),
    "instrument_threads": ("no", False),
    "max_string_bytes": ("10", 10),
    "max_value_bytes": ("1000", 1000),
    "enabled": ("0", False),
    "metadata": ('{"tenant": "acme"}', {"tenant": "acme"}),
    "jaeger_url": ("http://jaeger", "http://jaeger"),
    "propagate_session": ("true", True),
    "exit_timeout_s": ("0.5", 0.5),
    "redactor_seconds": ("0.01", 0.01),
    "quiet_s": ("0", 0.0),
    "root_wait_s": ("60", 60.0),
    "otlp_receiver": ("jaeger", "jaeger"),
    "jaeger_value_bytes": ("32766", 32766),
    "step_names": ("id", "id"),
}
READ_BY_THE_EXPORTER: Final = "OTEL_EXPORTER_OTLP_"
SPECIAL: Final = {
    "OTEL_SDK_DISABLED": ("true", False),
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": ("NO_CONTENT", False),
}


def variables(name: str) -> list[str]:
    return re.findall(r"`([A-Z][A-Z_]+)`", ROWS[name][2])


@pytest.mark.parametrize("name", sorted(ROWS))
def test_each_variable_sets_what_it_is_said_to_set_and_the_first_counts(name: str) -> None:
    named = [variable for variable in variables(name) if not variable.startswith(READ_BY_THE_EXPORTER)]
    assert settings.PREFIX + name.upper() in named
    for variable in named:
        text, value = SPECIAL.get(variable, SAMPLES[name])
        assert getattr(resolve({}, {variable: text}), name) == value
    if name == "service_name":
        assert resolve({}, {named[0]: "first", named[1]: "second"}).service_name == "first"


def test_the_example_file_is_taken_whole(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    file = tmp_path / "atlas-otel.yaml"
    file.write_text(example, encoding="utf-8")
    found = resolve({"service_name": "argument"}, {settings.CONFIG_FILE_VARIABLE: str(file)})
    assert found.service_name == "argument"
    assert found.metadata == {"tenant": "acme"}
    assert found.redact == ["secrets", "email"]


def test_other_variables_and_patterns_are_the_ones_there_are() -> None:
    assert f"`{settings.CONFIG_FILE_VARIABLE}`" in PAGE
    assert f"`{spool_folder.ENV_SPOOL_DIR}`" in PAGE
    described = {name for row in table("name") for name in re.findall(r"`(\w+)`", row[0])}
    assert described == set(NAMED)
