"""What only packaging can break. Run by ``make test-wheel`` from the unpacked sdist, without its packages."""

from __future__ import annotations

import sys
import tarfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

import atlas_otel
import atlas_otel_exporters

DIST = distribution("atlas-otel")
HERE = Path(__file__).resolve()


def _in_sdist() -> set[str]:
    """The packages' files as the sdist has them, named as the wheel names them."""
    (sdist,) = HERE.parents[3].glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()]
    packages = ("atlas_otel/", "exporters/atlas_otel_exporters/")
    return {name.removeprefix("exporters/") for name in names if name.startswith(packages)}


@pytest.mark.parametrize("package", [atlas_otel, atlas_otel_exporters])
def test_the_installed_package_is_the_one_imported(package: object) -> None:
    imported_from = Path(str(package.__file__)).resolve()  # type: ignore[attr-defined]
    assert imported_from.is_relative_to(Path(sys.prefix).resolve())
    assert "site-packages" in imported_from.parts
    assert "editable" not in (DIST.read_text("direct_url.json") or "")


def test_every_file_of_the_packages_is_installed() -> None:
    installed = {str(path) for path in DIST.files or () if ".dist-info" not in str(path)}
    assert not _in_sdist() - installed


@pytest.mark.parametrize("needed", ["atlas_otel/py.typed", "atlas_otel_exporters/py.typed"])
def test_type_checkers_see_the_types(needed: str) -> None:
    assert needed in {str(path) for path in DIST.files or ()}


def test_the_sql_is_in_the_wheel() -> None:
    sql = [path for path in DIST.files or () if path.suffix == ".sql"]
    assert any("migrations" in path.parts for path in sql)
    assert all(path.read_text().strip() for path in sql)


@pytest.mark.parametrize("entry_point", DIST.entry_points, ids=lambda point: f"{point.group}:{point.name}")
def test_every_entry_point_loads(entry_point: object) -> None:
    assert callable(entry_point.load()) or entry_point.group == "pytest11"  # type: ignore[attr-defined]
