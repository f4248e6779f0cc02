"""The built page, as it was shipped: read once, answered from memory."""

from __future__ import annotations

import hashlib
import mimetypes
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_NOT_BUILT: Final = (
    "<!doctype html><meta charset=utf-8><title>atlas-otel ui</title>"
    "<p>The page is not built here: run make ui, or install a released wheel. The API is at /api/v1.</p>\n"
)
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


class _Held(NamedTuple):
    content: bytes
    kind: str
    tag: str
    forever: bool


class StaticFiles:
    """The files of ``static/``. A path without one is the page itself: its addresses are the page's own matter."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        folder = files(__package__).joinpath("static")
        if folder.is_dir():
            self._read(folder, "")

    def answer(self, path: str, known: str | None) -> Response:
        """The file at ``path``, else the page."""
        held = self._held.get(path.lstrip("/"))
        if held is None and "." in path.rpartition("/")[2]:
            return Response("there is no such file\n", 404, media_type="text/plain")
        held = held or self._held.get("index.html")
        if held is None:
            return Response(_NOT_BUILT, 200, {"cache-control": "no-store"}, "text/html")
        cache = "public, max-age=31536000, immutable" if held.forever else "no-cache"
        headers = {"etag": held.tag, "cache-control": cache}
        if known == held.tag:
            return Response(None, 304, headers)
        return Response(held.content, 200, headers, held.kind)

    def _read(self, folder: Traversable, below: str) -> None:
        for one in folder.iterdir():
            name = f"{below}{one.name}"
            if one.is_dir():
                self._read(one, f"{name}/")
                continue
            content = one.read_bytes()
            suffix = "." + one.name.rpartition(".")[2]
            kind = _TYPES.get(suffix) or mimetypes.guess_type(one.name)[0] or "application/octet-stream"
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            # Vite puts a digest of the content into the names of what it builds.
            self._held[name] = _Held(content, kind, tag, below.startswith("assets/"))
