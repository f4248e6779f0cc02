"""Images, sounds, videos and documents inside a message, in any provider's form. Pure; never raises."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.marks import is_cut
from atlas_otel.calls.model_call import Media

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.models.json_types import JsonValue

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.ASCII)
_MODALITIES: Final = ("image", "audio", "video")


def modality_of(mime_type: str | None, otherwise: str = "document") -> str:
    """``image`` of ``image/png``; anything that is neither image, audio nor video is a document."""
    head = (mime_type or "").partition("/")[0].lower()
    return head if head in _MODALITIES else otherwise


def media(
    modality: str | None,
    *,
    address: JsonValue = None,
    data: JsonValue = None,
    file_id: JsonValue = None,
    mime_type: JsonValue = None,
    name: JsonValue = None,
    detail: JsonValue = None,
) -> Media | None:
    """What a part holds, or None where it holds nothing. A data URL is taken apart into its type and its data."""
    mime, uri, held = _string(mime_type), _string(address), _base64(data)
    for found in (uri, held):
        match = _DATA_URL.match(found) if found is not None else None
        if match is not None and found is not None:
            mime, uri, held = match[1] or mime, None, found[match.end() :]
            break
    if uri is not None and is_cut(uri):
        uri, held = None, uri  # an address is short: this was one that held the data
    where = uri, _string(file_id), held
    if where == (None, None, None) and not isinstance(data, dict):
        return None
    kind = modality if modality is not None else modality_of(mime)
    return Media(kind, where[0], where[1], where[2], mime, _string(name), _string(detail))


def _base64(data: JsonValue) -> str | None:
    """Data as base64; of bytes as capture describes them, what it kept of them."""
    if isinstance(data, dict) and data.get("type") == "bytes":
        said = data.get("text")
        return base64.b64encode(said.encode()).decode() if isinstance(said, str) else _string(data.get("base64"))
    return _string(data)


def _string(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _image(value: Mapping[str, Any]) -> Media | None:
    """OpenAI's ``image_url``, Responses' ``input_image``, Anthropic's, Vercel's and LangChain's ``image``."""
    held = value.get("image_url", value.get("image", value.get("source")))
    if isinstance(held, dict):
        return _source(held, "image", value)
    return media(
        "image",
        address=held if _is_address(held) else value.get("url"),
        data=value.get("base64", value.get("data", None if _is_address(held) else held)),
        file_id=value.get("file_id"),
        mime_type=value.get("mime_type", value.get("mediaType", value.get("mimeType"))),
        detail=value.get("detail"),
    )


def _source(held: Mapping[str, Any], modality: str | None, around: Mapping[str, Any]) -> Media | None:
    """Anthropic's ``source``: ``{type: base64|url|file|text, …}``; OpenAI's ``{url, detail}``."""
    mime = held.get("media_type", held.get("mime_type", held.get("format")))
    return media(
        modality,
        address=held.get("url", held.get("uri")),
        data=held.get("data", held.get("bytes")),
        file_id=held.get("file_id"),
        mime_type=mime,
        name=around.get("title", around.get("name")),
        detail=held.get("detail"),
    )


def _is_address(value: JsonValue) -> bool:
    return isinstance(value, str) and ("://" in value[:32] or value.startswith("data:"))


def _audio(value: Mapping[str, Any]) -> Media | None:
    """OpenAI's ``input_audio`` ``{data, format}``, and others' ``audio``."""
    held = value.get("input_audio", value.get("audio", value.get("source")))
    if isinstance(held, dict):
        form = held.get("format")
        mime = f"audio/{form}" if isinstance(form, str) and "/" not in form else form
        return media(
            "audio",
            address=held.get("url"),
            data=held.get("data"),
            file_id=held.get("id"),
            mime_type=held.get("media_type", mime),
        )
    return media(
        "audio",
        address=value.get("url", held if _is_address(held) else None),
        data=value.get("base64", value.get("data", None if _is_address(held) else held)),
        file_id=value.get("file_id"),
        mime_type=value.get("mime_type"),
    )


def _file(value: Mapping[str, Any]) -> Media | None:
    """OpenAI's ``file``, Responses' ``input_file``, Anthropic's ``document``, the conventions', Vercel's."""
    held = value.get("file", value.get("source"))
    if isinstance(held, dict) and "file_data" not in held and "filename" not in held:
        return _source(held, _modality(value) or modality_of(_string(held.get("media_type"))), value)
    inner = held if isinstance(held, dict) else value
    mime = _string(inner.get("mime_type", inner.get("mediaType", inner.get("mimeType"))))
    data = inner.get("file_data", inner.get("base64", inner.get("data", held if isinstance(held, str) else None)))
    return media(
        _modality(value) or (modality_of(mime) if mime else "document"),
        address=inner.get("file_url", inner.get("url", inner.get("uri", data if _is_address(data) else None))),
        data=None if _is_address(data) else data,
        file_id=inner.get("file_id"),
        mime_type=mime,
        name=inner.get("filename", inner.get("name", inner.get("title"))),
        detail=inner.get("detail"),
    )


def _video(value: Mapping[str, Any]) -> Media | None:
    held = value.get("video_url", value.get("video", value.get("source")))
    return _source(held if isinstance(held, dict) else value, "video", value)


def _uri(value: Mapping[str, Any]) -> Media | None:
    """The conventions' ``uri``."""
    return media(_modality(value), address=value.get("uri", value.get("url")), **_more(value))


def _blob(value: Mapping[str, Any]) -> Media | None:
    """The conventions' ``blob``."""
    data = value.get("content", value.get("data", value.get("blob")))
    return media(_modality(value), data=data, **_more(value))


def _more(value: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {key: value.get(key) for key in ("mime_type", "name", "detail")}


def _modality(value: Mapping[str, Any]) -> str | None:
    return _string(value.get("modality"))


MEDIA: Final[Mapping[str, Callable[[Mapping[str, Any]], Media | None]]] = {
    **dict.fromkeys(("image_url", "input_image", "image"), _image),
    **dict.fromkeys(("input_audio", "audio"), _audio),
    **dict.fromkeys(("file", "input_file", "document"), _file),
    **dict.fromkeys(("video", "video_url"), _video),
    "document_url": lambda value: media("document", address=value.get("document_url"), name=value.get("document_name")),
    "uri": _uri,
    "blob": _blob,
}
"""By ``type``."""
