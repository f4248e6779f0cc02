"""What a wrong call of the Spark engine is told, and what of Spark's pages is passed on."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from atlas_otel.errors import AtlasOtelError, ConfigError, ExportError, UsageError
from atlas_otel.lake.shipping import code_archive
from atlas_otel.lake.spark_engine import SparkEngine, translated


@pytest.mark.parametrize(
    ("master", "conf", "said"),
    [
        (None, [], "needs --master"),
        ("localhost:7077", [], "is none of spark://host:port"),
        ("local[2]", ["executor.memory=4g"], "no setting such as"),
        ("local[2]", ["spark.executor.memory"], "no setting such as"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_starts(master: str | None, conf: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        SparkEngine.checked(master, conf, None)


def test_without_java_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigError, match="needs Java 17 or newer, and there is none on the path"):
        SparkEngine.checked("local[2]", [], None)


_PAGE = "Traceback (most recent call last):\n  File x\n{}\n\tat org.apache.spark.BasePythonRunner(Runner.scala:1)"


@pytest.mark.parametrize(
    ("said", "kind", "line"),
    [
        (_PAGE.format("ModuleNotFoundError: No module named 'orjson'"), ConfigError, "lacks orjson"),
        ("[PYTHON_VERSION_MISMATCH] Python in worker has different version", ConfigError, "another Python"),
        (_PAGE.format("atlas_otel.errors.RecordError: span 1/2 in the lake cannot be read"), ExportError, "span 1/2"),
        (_PAGE.format("java.io.IOException: No space left on device"), ExportError, "No space left on device"),
        ("", ExportError, "no reason given"),
    ],
)
def test_one_line_is_made_of_a_page(said: str, kind: type[AtlasOtelError], line: str) -> None:
    error = translated(said)
    assert type(error) is kind
    assert line in str(error)
    assert "\n" not in str(error)


def test_what_is_shipped_is_what_runs_here_and_the_same_each_time(tmp_path: Path) -> None:
    path = code_archive(tmp_path)
    first = path.read_bytes()
    assert code_archive(tmp_path).read_bytes() == first
    with zipfile.ZipFile(path) as code:
        names = code.namelist()
    assert "atlas_otel/lake/engine.py" in names
    assert "atlas_otel_exporters/sql/events.sql" in names
    assert any(name.endswith(".dist-info/METADATA") for name in names)
    (tmp_path / "other").mkdir()
    again = code_archive(tmp_path / "other", wheel=path)
    assert again.read_bytes() == first
    (tmp_path / "none.whl").write_bytes(b"no zip")
    with pytest.raises(UsageError, match="cannot be read as a wheel"):
        code_archive(tmp_path, wheel=tmp_path / "none.whl")
