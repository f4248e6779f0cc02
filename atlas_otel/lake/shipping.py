"""The code that runs here, as one file that Spark hands to its executors: what they run is what the driver runs."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES: Final = ("atlas_otel", "atlas_otel_exporters")
_WHEN: Final = (1980, 1, 1, 0, 0, 0)
# What executors never run, and is large.
_LEFT_OUT: Final = ("__pycache__", "ui/static")


def code_archive(folder: Path, wheel: Path | None = None) -> Path:
    """The packages of atlas-otel as they are imported here, with their metadata, in ``folder``; or the wheel given.

    The name ends in ``.zip``, by which Spark knows that it is to be put on Python's path: a wheel is one. Raises
    UsageError where ``wheel`` is none of atlas-otel.
    """
    path = folder / f"atlas_otel-{version('atlas-otel')}.zip"
    if wheel is not None:
        _check(wheel)
        path.write_bytes(wheel.read_bytes())
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), content, zipfile.ZIP_DEFLATED)
    return path


def _files() -> Iterator[tuple[str, bytes]]:
    import atlas_otel
    import atlas_otel_exporters

    for name, package in zip(_PACKAGES, (atlas_otel, atlas_otel_exporters), strict=True):
        (root,) = map(Path, package.__path__)
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root).as_posix()
            if path.is_file() and not any(part in inside for part in _LEFT_OUT):
                yield f"{name}/{inside}", path.read_bytes()
    metadata = distribution("atlas-otel").read_text("METADATA") or ""
    yield f"atlas_otel-{version('atlas-otel')}.dist-info/METADATA", metadata.encode()


def _check(wheel: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"--wheel {wheel}: cannot be read as a wheel ({error})") from None
    if not any(name == "atlas_otel/lake/engine.py" for name in names):
        raise UsageError(f"--wheel {wheel}: is none of this atlas-otel, which has a lake")
