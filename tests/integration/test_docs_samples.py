"""docs/reference/samples.md holds one line of every export format, as it is exported today."""

from __future__ import annotations

from pathlib import Path

from scripts.samples import FORMATS, PAGE, page, record, samples


def test_the_page_is_what_is_exported(database_url: str, tmp_path: Path) -> None:
    record(database_url)
    assert PAGE.read_text(encoding="utf-8") == page(samples(database_url, tmp_path)), (
        "run: python scripts/samples.py --write"
    )


def test_every_format_of_training_rows_has_a_sample() -> None:
    from atlas_otel_exporters.export import FORMATS as KNOWN

    # otlp is the record itself, as OpenTelemetry's own JSON.
    assert set(KNOWN) - set(FORMATS) <= {"otlp"}
